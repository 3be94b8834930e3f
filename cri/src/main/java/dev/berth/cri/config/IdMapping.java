package dev.berth.cri.config;

import io.avaje.jsonb.Json;

/** A range of ids in a user namespace; ids are unsigned 32-bit numbers. */
@Json
public record IdMapping(long hostId, long containerId, long length) {}
