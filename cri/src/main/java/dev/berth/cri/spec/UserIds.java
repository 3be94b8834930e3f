package dev.berth.cri.spec;

import dev.berth.cri.config.ContainerConfig.ContainerSecurity;
import dev.berth.cri.config.ContainerConfig.Propagation;
import dev.berth.cri.config.ContainerConfig.VolumeMount;
import dev.berth.cri.config.IdMapping;
import dev.berth.cri.config.NamespaceOptions;
import dev.berth.cri.config.NamespaceOptions.Mode;
import dev.berth.cri.config.NamespaceOptions.UserNamespace;
import dev.berth.cri.config.PodConfig;
import dev.berth.kernel.Fault;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The rules of pods with a user namespace of their own, {@code hostUsers: false} for the kubelet. A privileged container may have one:
 * it is root with all rights, in what is the pod's.
 */
public final class UserIds {
    private static final String OF_POD = "user namespace of the pod";
    private static final long ALL = 1L << 32;

    private UserIds() {}

    /** The pod's own; empty if it has the node's. */
    public static Optional<UserNamespace> of(NamespaceOptions options) {
        UserNamespace user = options.user();
        return user == null || user.mode() != Mode.POD ? Optional.empty() : Optional.of(user);
    }

    /**
     * Refuses a user namespace that cannot be made, or goes with something else that the pod asks for.
     *
     * @throws Fault INVALID_ARGUMENT
     */
    public static void check(PodConfig pod) {
        NamespaceOptions options = pod.namespaces();
        check(options.user());
        if (of(options).isPresent()) {
            refuseNode(options);
        }
    }

    /** The node's network may be shared: it needs no mount that only its owner can make, see {@link MountPart}. */
    private static void refuseNode(NamespaceOptions options) {
        List<String> shared = new ArrayList<>();
        if (options.pid() == Mode.NODE) {
            shared.add("processes");
        }
        if (options.ipc() == Mode.NODE) {
            shared.add("IPC");
        }
        if (!shared.isEmpty()) {
            throw Fault.invalid(
                    OF_POD,
                    "the pod uses the node's " + String.join(" and ", shared) + ", in which its root has no rights",
                    "Use hostUsers: true, or neither hostPID nor hostIPC");
        }
    }

    /** The mappings alone. */
    static void check(@Nullable UserNamespace user) {
        if (user == null) {
            return;
        }
        switch (user.mode()) {
            case NODE -> {
                if (!(user.uids().isEmpty() && user.gids().isEmpty())) {
                    throw Fault.invalid(
                            OF_POD, "the node's user namespace takes no mappings", "Use mode POD, or no mappings");
                }
            }
            case POD -> {
                check("users", user.uids());
                check("groups", user.gids());
            }
            case CONTAINER, TARGET ->
                throw Fault.invalid(
                        OF_POD,
                        "mode " + user.mode() + " has no meaning for a user namespace",
                        "Use POD for one of the pod's own, or NODE");
        }
    }

    private static void check(String what, List<IdMapping> ranges) {
        if (ranges.size() != 1) {
            throw Fault.invalid(
                    OF_POD,
                    "it maps " + ranges.size() + " ranges of " + what,
                    "Give exactly one range of users and one of groups");
        }
        IdMapping range = ranges.getFirst();
        String shown = "the range of " + what + " with " + range.length() + " ids from " + range.containerId()
                + " inside and " + range.hostId() + " on the node ";
        if (range.length() < 1) {
            throw Fault.invalid(OF_POD, shown + "is empty", "Give it a length");
        }
        if (range.containerId() != 0) {
            throw Fault.invalid(OF_POD, shown + "gives root, id 0 inside, no id on the node", "Map from 0 on");
        }
        if (range.hostId() + range.length() > ALL) {
            throw Fault.invalid(OF_POD, shown + "goes beyond 2^32", "Map lower ids");
        }
    }

    /**
     * Refuses a container that does not go with its pod's user namespace.
     *
     * @throws Fault INVALID_ARGUMENT
     */
    static void check(SpecRequest request) {
        NamespaceOptions pod = request.pod().config().namespaces();
        check(pod.user());
        ContainerSecurity security = request.config().security();
        NamespaceOptions own = security == null ? null : security.namespaces();
        if (own != null && own.user() != null && !of(own).equals(of(pod))) {
            throw Fault.invalid(
                    "user namespace of the container", "it is not its pod's", "Give both the same, or only the pod");
        }
        if (of(pod).isEmpty()) {
            return;
        }
        refuseNode(NamespacePart.options(request));
        requireMapped(request.user(), of(pod).get());
    }

    private static void requireMapped(ImageUser user, UserNamespace ids) {
        long users = ids.uids().getFirst().length();
        long groups = ids.gids().getFirst().length();
        if (user.uid() >= users) {
            throw unmapped("user " + user.uid(), users);
        }
        List<Long> all = new ArrayList<>(user.groups());
        all.add(user.gid());
        for (long group : all) {
            if (group >= groups) {
                throw unmapped("group " + group, groups);
            }
        }
    }

    private static Fault unmapped(String who, long length) {
        return Fault.invalid(
                "create container",
                who + " has no id in the pod's user namespace, which has " + length + " of them",
                "Run it as somebody else, or give the pod more ids");
    }

    /**
     * Refuses mappings of a volume that are not its pod's.
     *
     * @throws Fault INVALID_ARGUMENT
     */
    static void check(VolumeMount mount, SpecRequest request) {
        String what = "mount \"" + Shown.of(mount.containerPath()) + "\"";
        Optional<UserNamespace> pod = of(request.pod().config().namespaces());
        boolean mapped = !(mount.uidMappings().isEmpty() && mount.gidMappings().isEmpty());
        if (mapped
                && !(pod.isPresent()
                        && mount.uidMappings().equals(pod.get().uids())
                        && mount.gidMappings().equals(pod.get().gids()))) {
            throw Fault.invalid(
                    what,
                    pod.isPresent()
                            ? "its mappings are not those of the pod's user namespace"
                            : "it has mappings, and the pod no user namespace",
                    "Give the pod's, of users and of groups, or none");
        }
        if (pod.isPresent() && mount.propagation() == Propagation.BIDIRECTIONAL) {
            throw Fault.invalid(
                    what,
                    "mounts that a user namespace makes never reach the node",
                    "Use another propagation, or hostUsers: true");
        }
    }
}
