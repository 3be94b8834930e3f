package dev.berth.tasks;

import dev.berth.wire.shim.supervisor.InfoResponse;
import java.time.Instant;
import java.util.List;

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
