package dev.berth.oci;

import dev.berth.kernel.Fault;
import io.avaje.jsonb.Json;
import java.math.BigInteger;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A seccomp filter as OCI writes it. Profiles of the node have this form too.
 *
 * @param defaultAction {@code SCMP_ACT_ERRNO} and the like, for what no rule names
 */
@Json
public record SeccompSpec(
        String defaultAction,
        @Nullable Integer defaultErrnoRet,
        List<String> architectures,
        List<String> flags,
        @Nullable String listenerPath,
        @Nullable String listenerMetadata,
        List<Syscall> syscalls) {

    private static final int MAX_BYTES = 4 << 20;

    public SeccompSpec {
        architectures = Absent.list(architectures);
        flags = Absent.list(flags);
        syscalls = Absent.list(syscalls);
    }

    /**
     * Reads a profile.
     *
     * @throws Fault INVALID_ARGUMENT if it is not one, or larger than 4 MiB
     */
    public static SeccompSpec fromJson(byte[] json) {
        SeccompSpec profile = JsonText.read("seccomp profile", SpecJson.JSONB.type(SeccompSpec.class), json, MAX_BYTES);
        if (!Absent.text(profile.defaultAction).startsWith("SCMP_ACT_")) {
            throw Fault.invalid("seccomp profile", "it has no defaultAction of the form SCMP_ACT_…", "");
        }
        return profile;
    }

    /** The profile as JSON in UTF-8. */
    public byte[] toJson() {
        return SpecJson.JSONB.type(SeccompSpec.class).toJsonBytes(this);
    }

    /** What happens to some system calls, if all the arguments fit. */
    @Json
    public record Syscall(
            List<String> names, String action, @Nullable Integer errnoRet, List<Arg> args) {
        public Syscall {
            names = Absent.list(names);
            args = Absent.list(args);
        }
    }

    /** A condition on one argument; unsigned 64-bit numbers. */
    @Json
    public record Arg(int index, BigInteger value, @Nullable BigInteger valueTwo, String op) {}
}
