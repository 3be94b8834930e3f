package dev.berth.images;

import dev.berth.images.registry.Access;
import dev.berth.images.registry.Credentials;
import dev.berth.kernel.Namespace;
import dev.berth.oci.Platform;
import dev.berth.oci.Reference;
import java.util.List;
import java.util.Map;

/**
 * A wish for an image.
 *
 * @param access requests that are equal in all but the progress are one pull, so its credentials should have an {@code equals}
 */
public record PullRequest(
        Namespace namespace, Reference reference, Access access, Extent extent, Naming naming, Progress progress) {
    /**
     * How much of an image that is made for several platforms.
     *
     * @param platforms those that are wanted, whole; none means all that there are
     * @param unpacked those whose layers become snapshots
     * @param documents whether manifests and configs of the others are wanted too, so that the image can be pushed as it is
     * @param snapshotter the name of the one that they are unpacked to; empty for the main one
     * @param lenient whether it is no error that there is nothing for a platform; then the rest is kept, be it only an index
     */
    public record Extent(
            List<Platform> platforms, List<Platform> unpacked, boolean documents, String snapshotter, boolean lenient) {
        public Extent {
            platforms = List.copyOf(platforms);
            unpacked = List.copyOf(unpacked);
        }

        /** Unpacked to the main snapshotter. */
        public Extent(List<Platform> platforms, List<Platform> unpacked, boolean documents) {
            this(platforms, unpacked, documents, "");
        }

        /** With something for each platform. */
        public Extent(List<Platform> platforms, List<Platform> unpacked, boolean documents, String snapshotter) {
            this(platforms, unpacked, documents, snapshotter, false);
        }

        /** One platform, ready to run. */
        public static Extent of(Platform platform) {
            return new Extent(List.of(platform), List.of(platform), false);
        }
    }

    /**
     * Under what names it is known afterwards.
     *
     * @param names of the records; none means the reference, and the repository with the digest
     * @param labels of the records, in the place of those that they have; none means those of an image of the CRI, which leave what
     *     is there
     */
    public record Naming(List<String> names, Map<String, String> labels) {
        /** As the CRI has it. */
        public static final Naming CRI = new Naming(List.of(), Map.of());

        public Naming {
            names = List.copyOf(names);
            labels = Map.copyOf(labels);
        }
    }

    /** For this machine, without a login and without being told how it goes. */
    public static PullRequest of(Namespace namespace, Reference reference) {
        return new PullRequest(
                namespace, reference, Access.ANONYMOUS, Extent.of(Platform.host()), Naming.CRI, Progress.NONE);
    }

    public PullRequest with(Credentials newCredentials) {
        return with(access.with(newCredentials));
    }

    public PullRequest with(Access newAccess) {
        return new PullRequest(namespace, reference, newAccess, extent, naming, progress);
    }

    public PullRequest with(Extent newExtent) {
        return new PullRequest(namespace, reference, access, newExtent, naming, progress);
    }

    public PullRequest with(Naming newNaming) {
        return new PullRequest(namespace, reference, access, extent, newNaming, progress);
    }

    public PullRequest with(Progress newProgress) {
        return new PullRequest(namespace, reference, access, extent, naming, newProgress);
    }
}
