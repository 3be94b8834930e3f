package dev.berth.oci;

import dev.berth.kernel.Fault;
import io.avaje.jsonb.Json;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How a container is to be run: the {@code config.json} of an OCI bundle. All of the specification that means something on
 * Linux; what is null is not written, since an empty string is not the same to every runtime.
 *
 * @param ociVersion {@link #VERSION} for what we write
 */
@Json
public record RuntimeSpec(
        String ociVersion,
        @Nullable ProcessSpec process,
        @Nullable Root root,
        @Nullable String hostname,
        @Nullable String domainname,
        List<Mount> mounts,
        @Nullable Hooks hooks,
        Map<String, String> annotations,
        @Nullable LinuxSpec linux) {

    /** The newest version that Debian's crun 1.8.1 accepts; nothing of ours needs a newer one. */
    public static final String VERSION = "1.0.2";

    static final int MAX_BYTES = 16 << 20;

    public RuntimeSpec {
        ociVersion = Absent.text(ociVersion);
        mounts = Absent.list(mounts);
        annotations = Absent.map(annotations);
    }

    /**
     * Reads a spec.
     *
     * @throws Fault INVALID_ARGUMENT if it is not one, or larger than 16 MiB
     */
    public static RuntimeSpec fromJson(byte[] json) {
        return JsonText.read("OCI runtime spec", SpecJson.JSONB.type(RuntimeSpec.class), json, MAX_BYTES);
    }

    /** The spec as JSON in UTF-8. */
    public byte[] toJson() {
        return SpecJson.JSONB.type(RuntimeSpec.class).toJsonBytes(this);
    }

    /**
     * The process, which every container that is started must have.
     *
     * @throws Fault INVALID_ARGUMENT if it is missing
     */
    public ProcessSpec needProcess() {
        if (process == null) {
            throw Fault.invalid("OCI runtime spec", "it has no process", "");
        }
        return process;
    }

    /**
     * The Linux part.
     *
     * @throws Fault INVALID_ARGUMENT if it is missing
     */
    public LinuxSpec needLinux() {
        if (linux == null) {
            throw Fault.invalid("OCI runtime spec", "it has no linux part", "");
        }
        return linux;
    }

    public RuntimeSpec withProcess(ProcessSpec changed) {
        return new RuntimeSpec(ociVersion, changed, root, hostname, domainname, mounts, hooks, annotations, linux);
    }

    public RuntimeSpec withRoot(Root changed) {
        return new RuntimeSpec(ociVersion, process, changed, hostname, domainname, mounts, hooks, annotations, linux);
    }

    public RuntimeSpec withMounts(List<Mount> changed) {
        return new RuntimeSpec(ociVersion, process, root, hostname, domainname, changed, hooks, annotations, linux);
    }

    public RuntimeSpec withHooks(@Nullable Hooks changed) {
        return new RuntimeSpec(ociVersion, process, root, hostname, domainname, mounts, changed, annotations, linux);
    }

    public RuntimeSpec withAnnotations(Map<String, String> changed) {
        return new RuntimeSpec(ociVersion, process, root, hostname, domainname, mounts, hooks, changed, linux);
    }

    public RuntimeSpec withLinux(LinuxSpec changed) {
        return new RuntimeSpec(ociVersion, process, root, hostname, domainname, mounts, hooks, annotations, changed);
    }

    /** The root file system. */
    @Json
    public record Root(String path, boolean readonly) {}

    /** A mount; {@code options} as mount(8) writes them. */
    @Json
    public record Mount(
            String destination,
            @Nullable String type,
            @Nullable String source,
            List<String> options,
            List<LinuxSpec.IdMapping> uidMappings,
            List<LinuxSpec.IdMapping> gidMappings) {
        public Mount {
            destination = Absent.text(destination);
            options = Absent.list(options);
            uidMappings = Absent.list(uidMappings);
            gidMappings = Absent.list(gidMappings);
        }

        public Mount(String destination, @Nullable String type, @Nullable String source, List<String> options) {
            this(destination, type, source, options, List.of(), List.of());
        }

        public Mount withSource(String changed) {
            return new Mount(destination, type, changed, options, uidMappings, gidMappings);
        }
    }

    /** Programs of the host that the runtime starts at certain moments. */
    @Json
    public record Hooks(
            List<Hook> prestart,
            List<Hook> createRuntime,
            List<Hook> createContainer,
            List<Hook> startContainer,
            List<Hook> poststart,
            List<Hook> poststop) {
        public Hooks {
            prestart = Absent.list(prestart);
            createRuntime = Absent.list(createRuntime);
            createContainer = Absent.list(createContainer);
            startContainer = Absent.list(startContainer);
            poststart = Absent.list(poststart);
            poststop = Absent.list(poststop);
        }
    }

    /**
     * One program.
     *
     * @param timeout seconds; null for none
     */
    @Json
    public record Hook(
            String path,
            List<String> args,
            List<String> env,
            @Nullable Integer timeout) {
        public Hook {
            args = Absent.list(args);
            env = Absent.list(env);
        }
    }
}
