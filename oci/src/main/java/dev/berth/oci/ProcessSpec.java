package dev.berth.oci;

import io.avaje.jsonb.Json;
import java.math.BigInteger;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A process of a container: the first one, or one that an exec starts.
 *
 * @param args never empty in a valid spec
 * @param env {@code NAME=value} each
 */
@Json
public record ProcessSpec(
        boolean terminal,
        @Nullable ConsoleSize consoleSize,
        User user,
        List<String> args,
        List<String> env,
        String cwd,
        @Nullable Capabilities capabilities,
        List<Rlimit> rlimits,
        boolean noNewPrivileges,
        @Nullable String apparmorProfile,
        @Nullable Integer oomScoreAdj,
        @Nullable Scheduler scheduler,
        @Nullable String selinuxLabel,
        @Nullable IoPriority ioPriority,
        @Nullable CpuAffinity execCPUAffinity) {

    public ProcessSpec {
        user = user == null ? User.ROOT : user;
        args = Absent.list(args);
        env = Absent.list(env);
        cwd = cwd == null || cwd.isEmpty() ? "/" : cwd;
        rlimits = Absent.list(rlimits);
    }

    /** Reads a process on its own, as an exec request carries it. */
    public static ProcessSpec fromJson(byte[] json) {
        return JsonText.read("OCI process", SpecJson.JSONB.type(ProcessSpec.class), json, RuntimeSpec.MAX_BYTES);
    }

    /** The process alone as JSON in UTF-8, for an exec. */
    public byte[] toJson() {
        return SpecJson.JSONB.type(ProcessSpec.class).toJsonBytes(this);
    }

    /** The same process with another command, for an exec in the container. */
    public ProcessSpec withCommand(List<String> command, boolean tty) {
        return new ProcessSpec(
                tty,
                null,
                user,
                command,
                env,
                cwd,
                capabilities,
                rlimits,
                noNewPrivileges,
                apparmorProfile,
                oomScoreAdj,
                scheduler,
                selinuxLabel,
                ioPriority,
                execCPUAffinity);
    }

    public ProcessSpec with(User changedUser, List<String> changedEnv) {
        return new ProcessSpec(
                terminal,
                consoleSize,
                changedUser,
                args,
                changedEnv,
                cwd,
                capabilities,
                rlimits,
                noNewPrivileges,
                apparmorProfile,
                oomScoreAdj,
                scheduler,
                selinuxLabel,
                ioPriority,
                execCPUAffinity);
    }

    public ProcessSpec withRlimits(List<Rlimit> changed) {
        return new ProcessSpec(
                terminal,
                consoleSize,
                user,
                args,
                env,
                cwd,
                capabilities,
                changed,
                noNewPrivileges,
                apparmorProfile,
                oomScoreAdj,
                scheduler,
                selinuxLabel,
                ioPriority,
                execCPUAffinity);
    }

    public ProcessSpec withOomScoreAdj(@Nullable Integer changed) {
        return new ProcessSpec(
                terminal,
                consoleSize,
                user,
                args,
                env,
                cwd,
                capabilities,
                rlimits,
                noNewPrivileges,
                apparmorProfile,
                changed,
                scheduler,
                selinuxLabel,
                ioPriority,
                execCPUAffinity);
    }

    /** The value of an environment variable; the last one counts. */
    public Optional<String> env(String name) {
        return env.stream()
                .filter(e -> e.startsWith(name + "="))
                .map(e -> e.substring(name.length() + 1))
                .reduce((first, last) -> last);
    }

    /** Size of a terminal in characters. */
    @Json
    public record ConsoleSize(int height, int width) {}

    /** Whose rights the process has; unsigned 32-bit numbers. */
    @Json
    public record User(long uid, long gid, @Nullable Integer umask, List<Long> additionalGids) {
        public static final User ROOT = new User(0, 0, null, List.of());

        public User {
            additionalGids = Absent.list(additionalGids);
        }
    }

    /** The capability sets, each a list of names such as {@code CAP_CHOWN}. */
    @Json
    public record Capabilities(
            List<String> bounding,
            List<String> effective,
            List<String> inheritable,
            List<String> permitted,
            List<String> ambient) {
        public Capabilities {
            bounding = Absent.list(bounding);
            effective = Absent.list(effective);
            inheritable = Absent.list(inheritable);
            permitted = Absent.list(permitted);
            ambient = Absent.list(ambient);
        }
    }

    /** A limit such as {@code RLIMIT_NOFILE}; big numbers, because "no limit" is 2^64-1. */
    @Json
    public record Rlimit(String type, BigInteger hard, BigInteger soft) {}

    /** Scheduling policy and its parameters. */
    @Json
    public record Scheduler(
            String policy,
            @Nullable Integer nice,
            @Nullable Integer priority,
            List<String> flags,
            @Nullable BigInteger runtime,
            @Nullable BigInteger deadline,
            @Nullable BigInteger period) {
        public Scheduler {
            flags = Absent.list(flags);
        }
    }

    /** Class and priority of disk access. */
    @Json
    public record IoPriority(@Json.Property("class") String type, int priority) {}

    /** Processors for an exec, before and after it enters the cgroup. */
    @Json
    public record CpuAffinity(
            @Nullable String initial,
            @Json.Property("final") @Nullable String last) {}
}
