package dev.berth.cri;

import dev.berth.cri.config.ContainerConfig;
import dev.berth.cri.config.Resources;
import dev.berth.tasks.Exit;
import io.avaje.jsonb.Json;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A container as it is on disk.
 *
 * @param imageName the name that people know the image by; empty if it has none, and in older records
 * @param imageId the digest of the image's config
 * @param imageRef a reference by digest, if the image has one, else its id
 * @param logPath absolute; empty for none
 * @param snapshot key of the writable layer
 * @param stopSignal as the image config writes it, {@code SIGTERM}
 * @param delivered whether the caller that had it made heard of it
 * @param user who the first process is
 * @param imageVolumes ids of the images that are mounted as volumes, by their path in the container
 * @param snapshotter the name of the one that has the writable layer; empty for the main one, as older records have it
 * @param restored whether it goes on from a checkpoint when it starts
 */
@Json
public record Container(
        String id,
        String podId,
        ContainerConfig config,
        String imageName,
        String imageId,
        String imageRef,
        String logPath,
        String snapshot,
        String stopSignal,
        @Nullable Resources resources,
        RunUser user,
        long createdAtNanos,
        boolean delivered,
        Life life,
        List<Timing> timeline,
        Map<String, String> imageVolumes,
        String snapshotter,
        boolean restored) {

    @SuppressWarnings("NullAway") // an older record does not name them
    public Container {
        imageName = imageName == null ? "" : imageName;
        imageVolumes = imageVolumes == null ? Map.of() : Map.copyOf(imageVolumes);
        snapshotter = snapshotter == null ? "" : snapshotter;
    }

    /** The user and groups that a process runs as. */
    @Json
    public record RunUser(long uid, long gid, List<Long> supplementalGroups) {}

    /**
     * The part that changes as the container lives. Times are nanoseconds since 1970, 0 for not yet.
     *
     * @param reason one word for the kubelet: Completed, Error, OOMKilled, StartError, Unknown; empty while alive
     * @param oomKilled the kernel killed one of its processes for want of memory
     */
    @Json
    public record Life(
            ContainerState state,
            long startedAtNanos,
            long finishedAtNanos,
            int exitCode,
            String reason,
            String message,
            boolean oomKilled,
            int pid) {
        static final Life NEW = new Life(ContainerState.CREATED, 0, 0, 0, "", "", false, 0);

        /** It runs, or it ran: a short-lived one may have ended before its start was noted. */
        Life started(long atNanos, int processId) {
            if (state == ContainerState.EXITED) {
                long start = Math.min(atNanos, finishedAtNanos);
                return new Life(state, start, finishedAtNanos, exitCode, reason, message, oomKilled, 0);
            }
            check(ContainerState.RUNNING);
            return new Life(ContainerState.RUNNING, atNanos, 0, 0, "", "", oomKilled, processId);
        }

        Life oom() {
            return new Life(state, startedAtNanos, finishedAtNanos, exitCode, reason, message, true, pid);
        }

        Life unknown() {
            check(ContainerState.UNKNOWN);
            return new Life(ContainerState.UNKNOWN, startedAtNanos, 0, 0, "", "", oomKilled, pid);
        }

        /** Its start is noted when the call that starts it returns; a short-lived one has ended before. */
        Life exited(long atNanos, int code, String why, String text) {
            check(ContainerState.EXITED);
            long start = Math.min(startedAtNanos, atNanos);
            return new Life(ContainerState.EXITED, start, atNanos, code, why, text, oomKilled, 0);
        }

        /** It could not be started; the end of what was made for that may be known already. */
        Life failed(long atNanos, int code, String text) {
            if (state == ContainerState.EXITED) {
                return new Life(state, 0, finishedAtNanos, code, "StartError", text, oomKilled, 0);
            }
            return exited(atNanos, code, "StartError", text);
        }

        /** Its task has ended. Who was killed before it could note the start at least knows that there was one. */
        Life ended(Exit exit) {
            long end = Pod.nanos(exit.at());
            Life ended = exited(end, exit.status(), reason(exit), "");
            return startedAtNanos == 0 && exit.known() ? ended.started(end, 0) : ended;
        }

        private String reason(Exit exit) {
            if (!exit.known()) {
                return "Unknown";
            }
            if (oomKilled) {
                return "OOMKilled";
            }
            return exit.status() == 0 ? "Completed" : "Error";
        }

        private void check(ContainerState next) {
            if (!state.mayBecome(next)) {
                throw new IllegalStateException("a container cannot go from " + state + " to " + next);
            }
        }
    }

    /** The key under which no two containers may exist. */
    String name() {
        return name(config.metadata(), podId);
    }

    static String name(ContainerConfig.ContainerMetadata metadata, String podId) {
        return metadata.name() + "_" + podId + "_" + metadata.attempt();
    }

    public ContainerState state() {
        return life.state();
    }

    Container with(Life next) {
        return copy(resources, delivered, next, timeline);
    }

    Container with(Resources changed) {
        return copy(changed, delivered, life, timeline);
    }

    Container asDelivered() {
        return copy(resources, true, life, timeline);
    }

    /** With further steps at the end of the timeline. */
    Container withMore(List<Timing> steps) {
        return copy(
                resources,
                delivered,
                life,
                Stream.concat(timeline.stream(), steps.stream()).toList());
    }

    private Container copy(@Nullable Resources limits, boolean heard, Life current, List<Timing> steps) {
        return new Container(
                id,
                podId,
                config,
                imageName,
                imageId,
                imageRef,
                logPath,
                snapshot,
                stopSignal,
                limits,
                user,
                createdAtNanos,
                heard,
                current,
                steps,
                imageVolumes,
                snapshotter,
                restored);
    }
}
