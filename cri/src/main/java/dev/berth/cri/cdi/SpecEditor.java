package dev.berth.cri.cdi;

import dev.berth.cri.cdi.ContainerEdits.Moment;
import dev.berth.cri.cdi.ContainerEdits.Node;
import dev.berth.kernel.Fault;
import dev.berth.linux.DeviceNumber;
import dev.berth.oci.LinuxResources;
import dev.berth.oci.LinuxResources.DeviceRule;
import dev.berth.oci.LinuxSpec;
import dev.berth.oci.ProcessSpec;
import dev.berth.oci.RuntimeSpec;
import dev.berth.oci.RuntimeSpec.Hook;
import dev.berth.oci.RuntimeSpec.Hooks;
import dev.berth.oci.RuntimeSpec.Mount;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A spec under edit. What comes later takes the place of what has the same name, path or destination. */
final class SpecEditor {
    private final RuntimeSpec spec;
    private final Map<String, String> env = new LinkedHashMap<>();
    private final Map<String, LinuxSpec.Device> nodes = new LinkedHashMap<>();
    private final List<DeviceRule> rules;
    private final Map<String, Mount> mounts = new LinkedHashMap<>();
    private final Map<Moment, List<Hook>> hooks = new EnumMap<>(Moment.class);
    private final Set<Long> groups;

    private LinuxSpec.@Nullable IntelRdt intelRdt;

    SpecEditor(RuntimeSpec spec) {
        this.spec = spec;
        spec.needProcess().env().forEach(this::set);
        spec.needLinux().devices().forEach(node -> nodes.put(node.path(), node));
        rules = new ArrayList<>(resources(spec).devices());
        spec.mounts().forEach(mount -> mounts.put(mount.destination(), mount));
        groups = new LinkedHashSet<>(spec.needProcess().user().additionalGids());
        intelRdt = spec.needLinux().intelRdt();
    }

    private static LinuxResources resources(RuntimeSpec spec) {
        return Objects.requireNonNullElse(spec.needLinux().resources(), LinuxResources.NONE);
    }

    private void set(String variable) {
        int equals = variable.indexOf('=');
        env.put(variable.substring(0, equals), variable.substring(equals + 1));
    }

    void apply(ContainerEdits edits) throws IOException {
        edits.env().forEach(this::set);
        for (Node node : edits.nodes()) {
            add(node);
        }
        for (Mount mount : edits.mounts()) {
            mounts.remove(mount.destination());
            mounts.put(mount.destination(), mount);
        }
        edits.hooks()
                .forEach((moment, more) ->
                        hooks.computeIfAbsent(moment, _ -> new ArrayList<>()).addAll(more));
        edits.groups().stream().filter(group -> group != 0).forEach(groups::add);
        if (edits.intelRdt() != null) {
            intelRdt = edits.intelRdt();
        }
    }

    private void add(Node node) throws IOException {
        LinuxSpec.Device device = device(node);
        nodes.remove(device.path());
        nodes.put(device.path(), device);
        if (!device.type().equals("p")) {
            String access = node.permissions().isEmpty() ? "rwm" : node.permissions();
            rules.add(new DeviceRule(true, device.type(), device.major(), device.minor(), access));
        }
    }

    private LinuxSpec.Device device(Node node) throws IOException {
        String type = node.type().equals("u") ? "c" : node.type();
        Long major = node.major();
        Long minor = node.minor();
        if (type.isEmpty() || (!type.equals("p") && (major == null || minor == null))) {
            DeviceNumber found = DeviceNumber.of(Path.of(node.hostPath()));
            if (found == null || !(type.isEmpty() || type.equals(found.type()))) {
                throw Fault.precondition(
                        "device " + node.hostPath() + " of a CDI spec",
                        found == null ? "it is no device of this node" : "it is of another type than the spec says",
                        "Load its driver, or let its vendor write the spec anew");
            }
            type = found.type();
            major = found.major();
            minor = found.minor();
        }
        ProcessSpec.User user = spec.needProcess().user();
        return new LinuxSpec.Device(
                node.path(),
                type,
                major == null ? 0 : major,
                minor == null ? 0 : minor,
                node.fileMode() == null ? null : (Integer) (int) (node.fileMode() & 0777),
                node.uid() != null ? node.uid() : owner(user.uid()),
                node.gid() != null ? node.gid() : owner(user.gid()));
    }

    /** Who is not root may use the device only if it is his. */
    private static @Nullable Long owner(long id) {
        return id == 0 ? null : (Long) id;
    }

    RuntimeSpec result() {
        ProcessSpec process = spec.needProcess();
        ProcessSpec.User user = process.user();
        var sorted = new ArrayList<>(mounts.values());
        sorted.sort(Comparator.comparingInt(m -> Path.of(m.destination()).getNameCount()));
        List<String> variables = env.entrySet().stream()
                .map(e -> e.getKey() + "=" + e.getValue())
                .toList();
        return spec.withProcess(process.with(
                        new ProcessSpec.User(user.uid(), user.gid(), user.umask(), List.copyOf(groups)), variables))
                .withMounts(List.copyOf(sorted))
                .withHooks(withMine(spec.hooks()))
                .withLinux(spec.needLinux()
                        .withResources(resources(spec).withDevices(List.copyOf(rules)))
                        .withDevices(List.copyOf(nodes.values()), intelRdt));
    }

    private @Nullable Hooks withMine(@Nullable Hooks before) {
        if (hooks.isEmpty()) {
            return before;
        }
        Hooks all =
                before == null ? new Hooks(List.of(), List.of(), List.of(), List.of(), List.of(), List.of()) : before;
        return new Hooks(
                and(all.prestart(), Moment.PRESTART),
                and(all.createRuntime(), Moment.CREATE_RUNTIME),
                and(all.createContainer(), Moment.CREATE_CONTAINER),
                and(all.startContainer(), Moment.START_CONTAINER),
                and(all.poststart(), Moment.POSTSTART),
                and(all.poststop(), Moment.POSTSTOP));
    }

    private List<Hook> and(List<Hook> before, Moment moment) {
        var all = new ArrayList<>(before);
        all.addAll(hooks.getOrDefault(moment, List.of()));
        return List.copyOf(all);
    }
}
