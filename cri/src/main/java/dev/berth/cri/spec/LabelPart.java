package dev.berth.cri.spec;

import dev.berth.cri.config.ContainerConfig.ContainerSecurity;
import dev.berth.cri.config.SecurityProfile;
import dev.berth.kernel.Fault;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** The AppArmor profile of a container, where the kernel has them. */
final class LabelPart {
    private static final Path LOADED = Path.of("/sys/kernel/security/apparmor/profiles");
    private static final String UNCONFINED = "unconfined";
    private static final String LOCALHOST = "localhost/";
    private static final String OUR_DEFAULT = "berth-default";

    private LabelPart() {}

    /**
     * The AppArmor profile, or null for none.
     *
     * @throws Fault FAILED_PRECONDITION if a profile is wanted that is not loaded, or this kernel enforces none
     */
    static @Nullable String apparmor(@Nullable ContainerSecurity security, boolean enabled) {
        if (security == null || security.privileged()) {
            return null;
        }
        SecurityProfile asked = security.apparmor() == null ? old(security.apparmorProfile()) : security.apparmor();
        if (asked == null || asked.type() == SecurityProfile.Type.UNCONFINED) {
            return enabled && asked != null ? UNCONFINED : null;
        }
        if (asked.type() == SecurityProfile.Type.RUNTIME_DEFAULT) {
            return enabled && isLoaded(OUR_DEFAULT) ? OUR_DEFAULT : null;
        }
        String name = asked.localhostRef().startsWith(LOCALHOST)
                ? asked.localhostRef().substring(LOCALHOST.length())
                : asked.localhostRef();
        if (name.isEmpty()) {
            throw Fault.invalid("AppArmor profile", "it has no name", "Name a profile that is loaded on the node");
        }
        if (!enabled || !isLoaded(name)) {
            throw Fault.precondition(
                    "AppArmor profile \"" + Shown.of(name) + "\"",
                    enabled ? "it is not loaded" : "this node's kernel does not enforce AppArmor",
                    enabled ? "Load it with apparmor_parser" : "Ask for none, or for a node that does");
        }
        return name;
    }

    private static @Nullable SecurityProfile old(String text) {
        return switch (text) {
            case "" -> null;
            case UNCONFINED -> new SecurityProfile(SecurityProfile.Type.UNCONFINED, "");
            case "runtime/default" -> new SecurityProfile(SecurityProfile.Type.RUNTIME_DEFAULT, "");
            default -> new SecurityProfile(SecurityProfile.Type.LOCALHOST, text);
        };
    }

    /** Lines of {@code name (mode)}. */
    private static boolean isLoaded(String name) {
        try {
            return Files.readString(LOADED, StandardCharsets.ISO_8859_1)
                    .lines()
                    .anyMatch(line -> line.startsWith(name + " ("));
        } catch (IOException e) {
            throw Fault.precondition(
                            "AppArmor profile \"" + Shown.of(name) + "\"",
                            "the list of loaded profiles cannot be read",
                            "Mount securityfs on /sys/kernel/security")
                    .causedBy(e);
        }
    }
}
