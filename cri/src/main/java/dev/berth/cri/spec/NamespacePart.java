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
import dev.berth.cri.config.NamespaceOptions.UserNamespace;
import dev.berth.kernel.Fault;
import dev.berth.oci.LinuxSpec;
import dev.berth.oci.LinuxSpec.Namespace;
import dev.berth.oci.PodReference;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which namespaces a container joins: the pod's by their {@link PodReference names}, the node's by saying nothing, its own
 * by saying only the kind.
 */
final class NamespacePart {
    private NamespacePart() {}

    static NamespaceOptions options(SpecRequest request) {
        ContainerSecurity security = request.config().security();
        NamespaceOptions own = security == null ? null : security.namespaces();
        return own == null ? request.pod().config().namespaces() : own;
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
        if (isUserNamespace(options.user())) {
            all.add(new Namespace(USER, PodReference.USER));
        }
        return all;
    }

    private static String target(NamespaceOptions options) {
        if (options.targetId().isEmpty()) {
            throw Fault.invalid("create container", "its PID namespace is another container's, but none is named", "");
        }
        return options.targetId();
    }

    private static boolean isUserNamespace(@Nullable UserNamespace user) {
        return user != null && user.mode() == Mode.POD;
    }

    /**
     * Refuses a user namespace that cannot be made.
     *
     * @throws Fault INVALID_ARGUMENT if it is not the pod's, not one range, or leaves root without an id
     */
    static void check(@Nullable UserNamespace user) {
        if (user == null || user.mode() == Mode.NODE) {
            if (user != null && !(user.uids().isEmpty() && user.gids().isEmpty())) {
                throw bad("the node's user namespace takes no mappings");
            }
            return;
        }
        if (user.mode() != Mode.POD) {
            throw bad("the mode " + user.mode() + " has no meaning for it");
        }
        if (user.uids().size() != 1 || user.gids().size() != 1) {
            throw bad("it needs exactly one range of users and one of groups");
        }
        IdMapping users = user.uids().getFirst();
        if (!users.equals(user.gids().getFirst())) {
            throw bad("users and groups must be mapped alike");
        }
        if (users.containerId() != 0 || users.length() <= 0 || users.length() > 1L << 32) {
            throw bad("root of the container must be mapped");
        }
    }

    static List<LinuxSpec.IdMapping> mappings(List<IdMapping> given) {
        return given.stream()
                .map(m -> new LinuxSpec.IdMapping(m.containerId(), m.hostId(), m.length()))
                .toList();
    }

    static List<LinuxSpec.IdMapping> users(NamespaceOptions options) {
        UserNamespace user = options.user();
        return user == null || !isUserNamespace(user) ? List.of() : mappings(user.uids());
    }

    static List<LinuxSpec.IdMapping> groups(NamespaceOptions options) {
        UserNamespace user = options.user();
        return user == null || !isUserNamespace(user) ? List.of() : mappings(user.gids());
    }

    private static Fault bad(String why) {
        return Fault.invalid("user namespace", why, "");
    }
}
