package dev.berth.cri.config;

import io.avaje.jsonb.Json;

/** The parts of an SELinux label; empty ones take the default. */
@Json
public record SelinuxOptions(String user, String role, String type, String level) {}
