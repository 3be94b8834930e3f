package dev.berth.cri.spec;

import static dev.berth.oci.LinuxSpec.NamespaceKind.CGROUP;
import static dev.berth.oci.LinuxSpec.NamespaceKind.IPC;
import static dev.berth.oci.LinuxSpec.NamespaceKind.MOUNT;
import static dev.berth.oci.LinuxSpec.NamespaceKind.NETWORK;
import static dev.berth.oci.LinuxSpec.NamespaceKind.PID;
import static dev.berth.oci.LinuxSpec.NamespaceKind.USER;
import static dev.berth.oci.LinuxSpec.NamespaceKind.UTS;

import dev.berth.cri.config.ContainerConfig.ContainerSecurity;
import dev.berth.cri.config.IdMapping;
import dev.berth.cri.config.NamespaceOptions;
import dev.berth.cri.config.NamespaceOptions.Mode;
import dev.berth.kernel.Fault;
import dev.berth.oci.LinuxSpec;
import dev.berth.oci.LinuxSpec.Namespace;
import dev.berth.oci.PodReference;
import java.util.ArrayList;
import java.util.List;

/**
 * Which namespaces a container joins: the pod's by their {@link PodReference names}, the node's by saying nothing, its own
 * by saying only the kind.
 */
final class NamespacePart {
    private NamespacePart() {}

    static NamespaceOptions options(SpecRequest request) {
        ContainerSecurity security = request.config().security();
        NamespaceOptions own = security == null ? null : security.namespaces();
        NamespaceOptions ofPod = request.pod().config().namespaces();
        return own == null
                ? ofPod
                : new NamespaceOptions(own.network(), own.pid(), own.ipc(), own.targetId(), ofPod.user());
    }

    static List<Namespace> namespaces(SpecRequest request, boolean ownCgroups) {
        NamespaceOptions options = options(request);
        List<Namespace> all = new ArrayList<>();
        all.add(new Namespace(MOUNT, null));
        String network = request.pod().networkNamespace() == null
                ? null
                : request.pod().networkNamespace().toString();
        if (network != null) {
            all.add(new Namespace(NETWORK, network));
            all.add(new Namespace(UTS, PodReference.UTS)); // with the node's network a pod keeps the node's name too
        }
        if (options.ipc() != Mode.NODE) {
            all.add(new Namespace(IPC, PodReference.IPC));
        }
        switch (options.pid()) {
            case POD -> all.add(new Namespace(PID, PodReference.PID));
            case CONTAINER -> all.add(new Namespace(PID, null));
            case TARGET -> all.add(new Namespace(PID, PodReference.pidOf(target(options))));
            case NODE -> {} // the node's
        }
        if (ownCgroups) {
            all.add(new Namespace(CGROUP, null));
        }
        if (UserIds.of(options).isPresent()) {
            all.add(new Namespace(USER, PodReference.USER));
        }
        return all;
    }

    private static String target(NamespaceOptions options) {
        if (options.targetId().isEmpty()) {
            throw Fault.invalid(
                    "create container",
                    "its PID namespace is another container's, but none is named",
                    "Give target_id");
        }
        return options.targetId();
    }

    static List<LinuxSpec.IdMapping> mappings(List<IdMapping> given) {
        return given.stream()
                .map(m -> new LinuxSpec.IdMapping(m.containerId(), m.hostId(), m.length()))
                .toList();
    }

    static List<LinuxSpec.IdMapping> users(NamespaceOptions options) {
        return UserIds.of(options).map(user -> mappings(user.uids())).orElse(List.of());
    }

    static List<LinuxSpec.IdMapping> groups(NamespaceOptions options) {
        return UserIds.of(options).map(user -> mappings(user.gids())).orElse(List.of());
    }
}
