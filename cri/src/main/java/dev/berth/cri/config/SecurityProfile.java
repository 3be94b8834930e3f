package dev.berth.cri.config;

import io.avaje.jsonb.Json;

/** A seccomp or AppArmor profile; {@code localhostRef} is a path or a name for LOCALHOST only. */
@Json
public record SecurityProfile(Type type, String localhostRef) {
    public enum Type {
        RUNTIME_DEFAULT,
        UNCONFINED,
        LOCALHOST
    }
}
