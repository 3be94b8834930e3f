package dev.berth.cri.spec;

import dev.berth.cri.config.ContainerConfig.ContainerSecurity;
import dev.berth.cri.config.SecurityProfile;
import dev.berth.kernel.Fault;
import dev.berth.oci.SeccompSpec;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Which seccomp filter a container gets. */
final class SeccompPart {
    private static final int MOST_BYTES = 1 << 20;
    private static final String LOCALHOST = "localhost/";

    private SeccompPart() {}

    /** Null is no filter: what a privileged container has, and one about which nothing is said. */
    static @Nullable SeccompSpec of(
            @Nullable ContainerSecurity security, String architecture, Set<String> capabilities) {
        if (security == null || security.privileged()) {
            return null;
        }
        SecurityProfile asked = security.seccomp() == null ? old(security.seccompProfilePath()) : security.seccomp();
        if (asked == null) {
            return null;
        }
        return switch (asked.type()) {
            case UNCONFINED -> null;
            case RUNTIME_DEFAULT -> DefaultSeccomp.of(architecture, capabilities);
            case LOCALHOST -> read(asked.localhostRef());
        };
    }

    /** The deprecated field, a word or {@code localhost/PATH}. */
    private static @Nullable SecurityProfile old(String text) {
        return switch (text) {
            case "" -> null;
            case "unconfined" -> new SecurityProfile(SecurityProfile.Type.UNCONFINED, "");
            case "runtime/default", "docker/default" -> new SecurityProfile(SecurityProfile.Type.RUNTIME_DEFAULT, "");
            default -> {
                if (!text.startsWith(LOCALHOST)) {
                    throw bad(text, "it is none of unconfined, runtime/default and localhost/PATH");
                }
                yield new SecurityProfile(SecurityProfile.Type.LOCALHOST, text);
            }
        };
    }

    /** An empty name must never mean "no filter" (CVE-2023-2431). */
    private static SeccompSpec read(String reference) {
        String name = reference.startsWith(LOCALHOST) ? reference.substring(LOCALHOST.length()) : reference;
        if (name.isEmpty()) {
            throw bad(reference, "it names no file");
        }
        Path path = HostPaths.parse("seccomp profile", name);
        if (!path.isAbsolute()) {
            throw bad(name, "its path is not absolute");
        }
        if (!Files.isRegularFile(path)) {
            throw Fault.precondition(
                    "seccomp profile \"" + Shown.of(name) + "\"",
                    "there is no such file on this node",
                    "Put the profile there before the container is made");
        }
        try (InputStream file = Files.newInputStream(path)) {
            byte[] json = file.readNBytes(MOST_BYTES + 1);
            if (json.length > MOST_BYTES) {
                throw bad(name, "it is larger than " + MOST_BYTES + " bytes");
            }
            return SeccompSpec.fromJson(json);
        } catch (IOException e) {
            throw Fault.precondition(
                            "seccomp profile \"" + Shown.of(name) + "\"",
                            "it cannot be read: " + Shown.of(String.valueOf(e.getMessage())),
                            "Put a profile there that can be read")
                    .causedBy(e);
        }
    }

    private static Fault bad(String name, String why) {
        return Fault.invalid("seccomp profile \"" + Shown.of(name) + "\"", why, "Correct the profile");
    }
}
