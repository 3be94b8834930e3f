package dev.berth.cri.checkpoint;

import io.avaje.jsonb.Json;
import java.time.Instant;

/**
 * What tools that look into checkpoints of other runtimes want to find in an archive, in the words of those. Nothing here is
 * read when a container is restored.
 *
 * @see <a href="https://github.com/checkpoint-restore/checkpointctl">checkpointctl</a>
 */
public final class ForTools {
    /** Name of the entry that {@link #config} is for. */
    public static final String CONFIG = "config.dump";

    /** Name of the entry that {@link #status} is for. */
    public static final String STATUS = "status";

    private static final Instant NEVER = Instant.parse("0001-01-01T00:00:00Z");

    private ForTools() {}

    @Json
    record Config(
            String id,
            String name,
            String rootfsImage,
            String rootfsImageRef,
            String rootfsImageName,
            String runtime,
            Instant createdTime,
            Instant checkpointedTime,
            Instant restoredTime,
            boolean restored) {}

    @Json
    record Status(
            @Json.Property("CreatedAt") long createdAt,
            @Json.Property("StartedAt") long startedAt,
            @Json.Property("FinishedAt") long finishedAt,
            @Json.Property("ExitCode") int exitCode,
            @Json.Property("Pid") int pid,
            @Json.Property("Reason") String reason,
            @Json.Property("Message") String message) {}

    /**
     * What was written down.
     *
     * @param imageRef a reference by digest
     * @param runtime the handler; empty for the default
     */
    public static byte[] config(Manifest of, String imageRef, String runtime, Instant created) {
        Instant taken = Instant.ofEpochSecond(0, of.takenAtNanos());
        return Texts.bytes(
                Config.class,
                new Config(
                        of.containerId(),
                        of.name(),
                        of.imageName(),
                        imageRef,
                        of.imageName(),
                        runtime,
                        created,
                        taken,
                        NEVER,
                        false));
    }

    /** Its state at that moment; times are nanoseconds since 1970. */
    public static byte[] status(long createdAt, long startedAt, int pid) {
        return Texts.bytes(Status.class, new Status(createdAt, startedAt, 0, 0, pid, "", ""));
    }
}
