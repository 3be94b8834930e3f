package dev.berth.tasks;

import dev.berth.wire.shim.supervisor.InfoResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Who the supervisor is and what it can run. */
public record SupervisorInfo(int pid, String version, Instant startedAt, List<OciRuntime> runtimes) {
    /**
     * An OCI runtime that was looked for and tried.
     *
     * @param path empty if it was not found
     * @param reason why it cannot be used, empty if it can
     * @param remedy what to do about it
     * @param features what it printed when asked for them, as JSON; empty if it knows no such question
     */
    public record OciRuntime(
            String name, String path, String version, boolean usable, String reason, String remedy, String features) {}

    /**
     * Whether containers of a handler can run.
     *
     * @param obstacle what stands in the way and what to do about it; empty if nothing is known to
     * @param features as of its OCI runtime; null if it has none that is known
     */
    public record Readiness(String obstacle, @Nullable String features) {}

    /** What can be said without trying anything: its program may have gone since it was tried. */
    Readiness readiness(Handler handler) {
        return switch (handler) {
            case Handler.Foreign foreign -> new Readiness(absent(foreign.shim().toString()), null);
            case Handler.Builtin(String wanted, var _) when wanted.isEmpty() -> best();
            case Handler.Builtin(String wanted, var _) ->
                runtimes.stream()
                        .filter(each ->
                                each.name().equals(wanted) || each.path().equals(wanted))
                        .findFirst()
                        .map(SupervisorInfo::readiness)
                        .orElseGet(() -> new Readiness(wanted.startsWith("/") ? absent(wanted) : "", null));
        };
    }

    private Readiness best() {
        var obstacles = new StringBuilder();
        for (OciRuntime each : runtimes) {
            Readiness readiness = readiness(each);
            if (readiness.obstacle().isEmpty()) {
                return readiness;
            }
            obstacles
                    .append(obstacles.isEmpty() ? "" : "; ")
                    .append(each.name())
                    .append(": ")
                    .append(readiness.obstacle());
        }
        return new Readiness(
                obstacles.isEmpty() ? "No OCI runtime was found. Install crun or runc" : obstacles.toString(), null);
    }

    private static Readiness readiness(OciRuntime runtime) {
        return runtime.usable()
                ? new Readiness(absent(runtime.path()), runtime.features())
                : new Readiness(runtime.reason() + ". " + runtime.remedy(), null);
    }

    private static String absent(String program) {
        return Files.isExecutable(Path.of(program))
                ? ""
                : "there is no program " + program + ". Install it, or correct the handler's path";
    }

    static SupervisorInfo of(InfoResponse info) {
        return new SupervisorInfo(
                info.getPid(),
                info.getVersion(),
                TaskClient.instant(info.getStartedAt()),
                info.getRuntimesList().stream()
                        .map(r -> new OciRuntime(
                                r.getName(),
                                r.getPath(),
                                r.getVersion(),
                                r.getUsable(),
                                r.getReason(),
                                r.getRemedy(),
                                r.getFeatures().toStringUtf8()))
                        .toList());
    }
}
