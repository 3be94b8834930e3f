package dev.berth.oci;

import dev.berth.kernel.Fault;
import io.avaje.jsonb.Json;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What an image says about itself: its platform, how its processes want to be run, and which layers make its file system. Its bytes'
 * digest is the image's id. Fields that are not here are kept by keeping those bytes.
 *
 * @param created an RFC 3339 time, unchecked; empty if not said
 */
@Json
public record ImageConfig(
        String created,
        String author,
        String architecture,
        String os,
        String variant,
        @Json.Property("os.version") String osVersion,
        Execution config,
        RootFs rootfs,
        List<History> history) {

    public ImageConfig {
        created = Absent.text(created);
        author = Absent.text(author);
        architecture = Absent.text(architecture);
        os = Absent.text(os);
        variant = Absent.text(variant);
        osVersion = Absent.text(osVersion);
        config = config == null ? Execution.NONE : config;
        rootfs = rootfs == null ? new RootFs("layers", List.of()) : rootfs;
        history = Absent.list(history);
    }

    /**
     * Reads a config.
     *
     * @throws Fault INVALID_ARGUMENT if it is not an image config or larger than 4 MiB
     */
    public static ImageConfig fromJson(byte[] json) {
        return JsonText.read("image config", JsonText.JSONB.type(ImageConfig.class), json, ImageTree.MAX_BYTES);
    }

    /** The config as JSON in UTF-8. */
    public byte[] toJson() {
        return JsonText.JSONB.type(ImageConfig.class).toJsonBytes(this);
    }

    public Platform platform() {
        return Platform.of(os, architecture, variant);
    }

    /**
     * How to run it. All of this is the image maker's word and may be hostile.
     *
     * @param user {@code user}, {@code uid}, {@code user:group}, … as written; empty is root
     * @param exposedPorts {@code 80/tcp} and the like; the values mean nothing
     * @param env {@code NAME=value} each
     * @param volumes absolute paths; the values mean nothing
     * @param stopSignal a name or number; empty is SIGTERM
     */
    @Json
    public record Execution(
            @Json.Property("User") String user,
            @Json.Property("ExposedPorts") Map<String, Object> exposedPorts,
            @Json.Property("Env") List<String> env,
            @Json.Property("Entrypoint") List<String> entrypoint,
            @Json.Property("Cmd") List<String> cmd,
            @Json.Property("Volumes") Map<String, Object> volumes,
            @Json.Property("WorkingDir") String workingDir,
            @Json.Property("Labels") Map<String, String> labels,
            @Json.Property("StopSignal") String stopSignal,
            @Json.Property("ArgsEscaped") boolean argsEscaped) {

        static final Execution NONE =
                new Execution("", Map.of(), List.of(), List.of(), List.of(), Map.of(), "", Map.of(), "", false);

        public Execution {
            user = Absent.text(user);
            exposedPorts = Absent.map(exposedPorts);
            env = Absent.list(env);
            entrypoint = Absent.list(entrypoint);
            cmd = Absent.list(cmd);
            volumes = Absent.map(volumes);
            workingDir = Absent.text(workingDir);
            labels = Absent.map(labels);
            stopSignal = Absent.text(stopSignal);
        }

        /** The paths that the image declares as volumes. */
        public Set<String> volumePaths() {
            return volumes.keySet();
        }

        /** The ports that the image says it listens on. */
        public Set<String> ports() {
            return exposedPorts.keySet();
        }
    }

    /**
     * The layers.
     *
     * @param diffIds the digests of the layers' uncompressed tars, lowest first
     */
    @Json
    public record RootFs(
            String type, @Json.Property("diff_ids") List<Digest> diffIds) {
        /** @throws Fault INVALID_ARGUMENT if the file system is not made of layers, or of too many */
        public RootFs {
            type = Absent.text(type);
            diffIds = Absent.list(diffIds);
            if (!type.isEmpty() && !type.equals("layers")) {
                throw ImageTree.broken("image config", "its rootfs type is \"" + type + "\", not layers");
            }
            if (diffIds.size() > ImageTree.MAX_ENTRIES) {
                throw ImageTree.broken("image config", "it has more than " + ImageTree.MAX_ENTRIES + " layers");
            }
        }
    }

    /** How one layer came to be, for people. */
    @Json
    public record History(
            String created,
            @Json.Property("created_by") String createdBy,
            String author,
            String comment,
            @Json.Property("empty_layer") boolean emptyLayer) {
        public History {
            created = Absent.text(created);
            createdBy = Absent.text(createdBy);
            author = Absent.text(author);
            comment = Absent.text(comment);
        }
    }
}
