package dev.berth.shim.runtime;

import dev.berth.kernel.Fault;
import dev.berth.oci.PodReference;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The {@code config.json} of a bundle, of which we read and change a few fields and keep the rest as it is. Immutable.
 *
 * @see <a href="https://github.com/opencontainers/runtime-spec/blob/v1.0.2/config.md">runtime-spec, config.md</a>
 */
public final class BundleConfig {
    private static final long MAX_BYTES = 16 << 20;
    private static final String OVERLAY = "overlay";
    private static final List<String> HOOKS =
            List.of("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop");

    private final JsonObjectText root;

    private BundleConfig(JsonObjectText root) {
        this.root = root;
    }

    /**
     * Reads the config of a bundle.
     *
     * @throws Fault NOT_FOUND if there is none, INVALID_ARGUMENT if it is no config
     */
    public static BundleConfig read(Path bundle) {
        Path file = bundle.resolve("config.json");
        try {
            if (Files.size(file) > MAX_BYTES) {
                throw Fault.invalid("read " + file, "it is larger than 16 MiB", "");
            }
            return parse(Files.readString(file));
        } catch (NoSuchFileException e) {
            throw Fault.notFound("read " + file, "there is no such file", "").causedBy(e);
        } catch (IOException e) {
            throw Fault.internal("read " + file, String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        } catch (IllegalArgumentException e) {
            throw Fault.invalid("read " + file, String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    /** @throws IllegalArgumentException if the text is not an object of JSON */
    static BundleConfig parse(String json) {
        return new BundleConfig(JsonObjectText.parse(json));
    }

    /** Writes the config into a bundle, readable by its owner only. */
    public void write(Path bundle) throws IOException {
        Files.write(bundle.resolve("config.json"), root.toString().getBytes(StandardCharsets.UTF_8));
    }

    /** The path of the root file system as it stands; relative to the bundle if it is not absolute. */
    public Optional<String> rootPath() {
        return root.object("root").string("path");
    }

    /** The first word of the command, for messages. */
    public String command() {
        return command(root.object("process"));
    }

    /** The first word of the command in a file with an OCI process, for messages; empty if it cannot be read. */
    public static String commandOf(Path process) {
        try {
            return command(JsonObjectText.parse(Files.readString(process)));
        } catch (IOException | IllegalArgumentException e) {
            return "";
        }
    }

    /** For messages only; a name of a megabyte, which the reader refuses, is the kernel's to refuse. */
    private static String command(JsonObjectText process) {
        try {
            return process.elements("args").stream()
                    .findFirst()
                    .map(BundleConfig::string)
                    .orElse("");
        } catch (IllegalArgumentException e) {
            return "";
        }
    }

    public Optional<String> cgroupsPath() {
        return root.object("linux").string("cgroupsPath").filter(path -> !path.isEmpty());
    }

    public Optional<String> annotation(String name) {
        return root.object("annotations").string(name);
    }

    /**
     * The limits and device rules; empty if only the runtime can set them.
     *
     * @throws IllegalArgumentException if they cannot be read
     */
    public Optional<CgroupPlan> cgroupPlan() {
        return CgroupPlan.parse(root.object("linux").raw("resources").orElse("{}"));
    }

    /** The seccomp profile as JSON. */
    public Optional<String> seccomp() {
        return root.object("linux").raw("seccomp");
    }

    /** True if there is a hook of any kind, which then sees the runtime's own idea of the container. */
    public boolean hasHooks() {
        JsonObjectText hooks = root.object("hooks");
        return HOOKS.stream().anyMatch(kind -> !hooks.elements(kind).isEmpty());
    }

    /** The sources of all mounts that begin with a prefix. */
    public List<String> mountSources(String prefix) {
        return root.elements("mounts").stream()
                .map(mount -> JsonObjectText.parse(mount).string("source").orElse(""))
                .filter(source -> source.startsWith(prefix))
                .distinct()
                .toList();
    }

    /**
     * A mount of a file or directory of the node.
     *
     * @param position in the config's list
     * @param recursive with what is mounted below
     * @param mapped whether its ids shall be the container's
     */
    public record Bind(int position, String source, String destination, boolean recursive, boolean mapped) {
        static Optional<Bind> of(int position, JsonObjectText mount) {
            String options = mount.raw("options").orElse("");
            boolean recursive = options.contains("\"rbind\"");
            boolean bind = recursive
                    || options.contains("\"bind\"")
                    || mount.string("type").equals(Optional.of("bind"));
            return bind
                    ? Optional.of(new Bind(
                            position,
                            mount.string("source").orElse(""),
                            mount.string("destination").orElse(""),
                            recursive,
                            !mount.elements("uidMappings").isEmpty()))
                    : Optional.empty();
        }
    }

    /** Its mounts of files and directories of the node. */
    public List<Bind> binds() {
        List<String> mounts = root.elements("mounts");
        return IntStream.range(0, mounts.size())
                .mapToObj(position -> Bind.of(position, JsonObjectText.parse(mounts.get(position))))
                .flatMap(Optional::stream)
                .toList();
    }

    /**
     * A file system made of several directories, with the owners that a user namespace maps.
     *
     * @param position in the config's list
     * @param options the config's, and the ranges of ids as {@code uidmap=} and {@code gidmap=}
     */
    public record Overlay(int position, String destination, List<String> options) {
        static Optional<Overlay> of(int position, JsonObjectText mount) {
            if (!mount.string("type").equals(Optional.of(OVERLAY))
                    || mount.elements("uidMappings").isEmpty()) {
                return Optional.empty();
            }
            List<String> options = new ArrayList<>(strings(mount, "options"));
            options.add("uidmap=" + ranges(mount, "uidMappings"));
            options.add("gidmap=" + ranges(mount, "gidMappings"));
            return Optional.of(new Overlay(position, mount.string("destination").orElse(""), List.copyOf(options)));
        }

        private static String ranges(JsonObjectText mount, String mappings) {
            return mount.elements(mappings).stream()
                    .map(JsonObjectText::parse)
                    .map(range ->
                            range.number("containerID") + ":" + range.number("hostID") + ":" + range.number("size"))
                    .collect(Collectors.joining(","));
        }
    }

    /** Its overlays with ids of their own, which no runtime mounts. */
    public List<Overlay> overlays() {
        List<String> mounts = root.elements("mounts");
        return IntStream.range(0, mounts.size())
                .mapToObj(position -> Overlay.of(position, JsonObjectText.parse(mounts.get(position))))
                .flatMap(Optional::stream)
                .toList();
    }

    private static List<String> strings(JsonObjectText object, String array) {
        return object.elements(array).stream().map(BundleConfig::string).toList();
    }

    private static String string(String raw) {
        return JsonObjectText.EMPTY.with("it", raw).string("it").orElse("");
    }

    /**
     * The same with other sources for its mounts by their position, whose ids are as they shall be there; what was an overlay
     * is bound from there.
     */
    public BundleConfig withSources(Map<Integer, Path> sources) {
        List<String> mounts = root.elements("mounts");
        String changed = IntStream.range(0, mounts.size())
                .mapToObj(position -> withSource(mounts.get(position), sources.get(position)))
                .collect(Collectors.joining(","));
        return new BundleConfig(root.with("mounts", "[" + changed + "]"));
    }

    private static String withSource(String mount, @Nullable Path source) {
        if (source == null) {
            return mount;
        }
        JsonObjectText changed = JsonObjectText.parse(mount)
                .with("source", JsonObjectText.quoted(source.toString()))
                .without("uidMappings")
                .without("gidMappings");
        return (changed.string("type").equals(Optional.of(OVERLAY)) ? bound(changed) : changed).toString();
    }

    private static JsonObjectText bound(JsonObjectText overlay) {
        String options = Stream.concat(
                        Stream.of("rbind", "rprivate"),
                        strings(overlay, "options").stream().filter(option -> !option.startsWith("lowerdir")))
                .map(JsonObjectText::quoted)
                .collect(Collectors.joining(","));
        return overlay.with("type", JsonObjectText.quoted("bind")).with("options", "[" + options + "]");
    }

    /** Where the user namespace is that it joins; empty if it joins none. */
    public Optional<Path> userNamespace() {
        return namespace("user");
    }

    /** Where the namespace of a type is that it joins; empty if it joins none. */
    public Optional<Path> namespace(String type) {
        return root.object("linux").elements("namespaces").stream()
                .map(JsonObjectText::parse)
                .filter(namespace -> namespace.string("type").equals(Optional.of(type)))
                .flatMap(namespace -> namespace.string("path").stream())
                .filter(path -> !path.isEmpty())
                .map(Path::of)
                .findFirst();
    }

    /** The same without what the user namespace maps that it joins. */
    public BundleConfig withoutMappings() {
        return change("linux", root.object("linux").without("uidMappings").without("gidMappings"));
    }

    /** The user of the node that is root in its user namespace; empty if root has no id there. */
    public OptionalLong rootUser() {
        return idOfRoot("uidMappings");
    }

    /** The same for groups. */
    public OptionalLong rootGroup() {
        return idOfRoot("gidMappings");
    }

    private OptionalLong idOfRoot(String mappings) {
        return root.object("linux").elements(mappings).stream()
                .map(JsonObjectText::parse)
                .filter(range -> range.number("containerID") == 0)
                .mapToLong(range -> range.number("hostID"))
                .findFirst();
    }

    /**
     * The same with real paths where names of what belongs to the pod stand.
     *
     * @throws Fault FAILED_PRECONDITION if the pod has no such thing
     */
    public BundleConfig withPodPaths(UnaryOperator<String> pathOf) {
        JsonObjectText linux = root.object("linux");
        JsonObjectText joined = resolved(linux, "namespaces", "path", pathOf);
        JsonObjectText all = resolved(root, "mounts", "source", pathOf);
        return new BundleConfig(joined == linux ? all : all.with("linux", joined.toString()));
    }

    /** The object with the paths in one of its arrays; the same object if it has none to fill in. */
    private static JsonObjectText resolved(
            JsonObjectText object, String array, String field, UnaryOperator<String> pathOf) {
        List<String> before = object.elements(array);
        List<String> after = before.stream()
                .map(element ->
                        resolved(JsonObjectText.parse(element), field, pathOf).orElse(element))
                .toList();
        return after.equals(before) ? object : object.with(array, "[" + String.join(",", after) + "]");
    }

    private static Optional<String> resolved(JsonObjectText element, String field, UnaryOperator<String> pathOf) {
        return element.string(field)
                .filter(PodReference::is)
                .map(name -> element.with(field, JsonObjectText.quoted(pathOf.apply(name)))
                        .toString());
    }

    public BundleConfig withRootPath(Path path) {
        String quoted = JsonObjectText.quoted(path.toString());
        return change("root", root.object("root").with("path", quoted));
    }

    public BundleConfig withAnnotation(String name, String value) {
        return change("annotations", root.object("annotations").with(name, JsonObjectText.quoted(value)));
    }

    public BundleConfig withoutAnnotation(String name) {
        return change("annotations", root.object("annotations").without(name));
    }

    /** The same without limits and device rules, for a container whose cgroups we made. */
    public BundleConfig withoutCgroups() {
        return change("linux", root.object("linux").without("resources").without("cgroupsPath"));
    }

    private BundleConfig change(String name, JsonObjectText value) {
        return new BundleConfig(root.with(name, value.toString()));
    }

    @Override
    public String toString() {
        return root.toString();
    }
}
