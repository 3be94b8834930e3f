package dev.berth.cri;

import dev.berth.linux.DetachedMount;
import dev.berth.linux.Features;
import dev.berth.linux.MountAttributes;
import dev.berth.linux.Mounts;
import dev.berth.linux.Namespaces;
import dev.berth.linux.UserNamespace;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Whether pods can have user namespaces on this node: tried when somebody wants to know, and not again once it has worked. */
final class UserNamespaceSupport {
    private static final List<UserNamespace.IdRange> IDS = List.of(new UserNamespace.IdRange(0, 100_000, 65_536));

    private final Path root;
    private boolean works;

    /** @param root directory with the layers of images */
    UserNamespaceSupport(Path root) {
        this.root = root;
    }

    /** Why they cannot; empty if they can. */
    synchronized Optional<String> obstacle() throws InterruptedException {
        if (works) {
            return Optional.empty();
        }
        if (!Features.overlayLayerByLayer()) {
            return Optional.of("layers of images with other owners need Linux 6.7");
        }
        try (UserNamespace ids = UserNamespace.create(IDS, IDS, Set.of());
                DetachedMount layers = Mounts.bind(root, false)) {
            layers.setattr(MountAttributes.nothing().idmappedBy(ids.get(Namespaces.Kind.USER)), false);
            works = true;
            return Optional.empty();
        } catch (IOException e) {
            return Optional.of(
                    "a user namespace, and " + root + " with the owners that it has there, failed: " + e.getMessage());
        }
    }
}
