package dev.berth.daemon.cli;

import com.google.protobuf.Message;
import dev.berth.daemon.cli.StoredImage.Variant;
import dev.berth.kernel.Namespace;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.ImageTree;
import dev.berth.oci.Index;
import dev.berth.oci.Platform;
import dev.berth.oci.Reference;
import dev.berth.wire.containerd.transfer.TransferOptions;
import dev.berth.wire.containerd.transfer.TransferRequest;
import dev.berth.wire.containerd.transfertypes.ImageReference;
import dev.berth.wire.containerd.transfertypes.ImageStore;
import dev.berth.wire.containerd.transfertypes.OCIRegistry;
import dev.berth.wire.containerd.transfertypes.RegistryResolver;
import dev.berth.wire.containerd.transfertypes.UnpackConfiguration;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * {@code berth image pull} and {@code push}: between a registry and the store.
 *
 * @param platforms none means all
 */
record RegistryTransfer(List<Platform> platforms, @Nullable Login login, boolean quiet) {
    private static final Map<String, String> MANAGED = Map.of("io.cri-containerd.image", "managed");

    static Session.Action parsePull(Arguments arguments) {
        List<Platform> platforms = platforms(arguments);
        var transfer = new RegistryTransfer(platforms, Login.parse(arguments), arguments.flag("--quiet", "-q"));
        Reference image = Reference.parse(arguments.words("IMAGE", 1, 1).getFirst());
        return session -> transfer.pull(session, image);
    }

    static Session.Action parsePush(Arguments arguments) {
        List<Platform> platforms =
                arguments.values("--platform").stream().map(Platform::parse).toList();
        var transfer = new RegistryTransfer(platforms, Login.parse(arguments), arguments.flag("--quiet", "-q"));
        List<String> words = arguments.words("IMAGE [NAME]", 1, 2);
        Optional<Reference> to = words.size() < 2 ? Optional.empty() : Optional.of(Reference.parse(words.get(1)));
        return session -> transfer.push(session, words.getFirst(), to);
    }

    /** Those that are wanted: this machine's if nobody says otherwise, none for all. */
    static List<Platform> platforms(Arguments arguments) {
        boolean all = arguments.flag("--all-platforms");
        List<Platform> named =
                arguments.values("--platform").stream().map(Platform::parse).toList();
        if (all && !named.isEmpty()) {
            throw new Misuse("--platform and --all-platforms exclude each other");
        }
        return all || !named.isEmpty() ? named : List.of(Platform.host());
    }

    private int pull(Session session, Reference image) throws IOException, InterruptedException {
        String name = image.toString();
        ImageStore.Builder store = store(session, platforms).setName(name);
        if (image.digest()
                .isEmpty()) { // and by the digest, as the kubelet would have it; that name goes with the first
            store.addExtraReferences(ImageReference.newBuilder()
                    .setName(image.name())
                    .setIsPrefix(true)
                    .setAddDigest(true));
        }
        run(
                session,
                resolver -> OCIRegistry.newBuilder()
                        .setReference(name)
                        .setResolver(resolver)
                        .build(),
                store.build());
        StoredImage stored = session.library().find(name);
        session.terminal().say(quiet ? name : name + " " + stored.target().digest());
        return 0;
    }

    /** Where images go to: labels as the kubelet's images have them, layers unpacked; with a limit a missing platform is an error. */
    static ImageStore.Builder store(Session session, List<Platform> platforms) {
        String snapshotter = session.daemon().snapshotter();
        List<Platform> unpacked = platforms.isEmpty() ? List.of(Platform.host()) : platforms;
        return ImageStore.newBuilder()
                .setManifestLimit(platforms.size())
                .putAllLabels(session.namespace().equals(Namespace.KUBERNETES) ? MANAGED : Map.of())
                .addAllPlatforms(
                        platforms.stream().map(RegistryTransfer::message).toList())
                .addAllUnpacks(unpacked.stream()
                        .map(platform -> UnpackConfiguration.newBuilder()
                                .setPlatform(message(platform))
                                .setSnapshotter(snapshotter)
                                .build())
                        .toList());
    }

    static dev.berth.wire.shim.types.Platform message(Platform platform) {
        return dev.berth.wire.shim.types.Platform.newBuilder()
                .setOs(platform.os())
                .setArchitecture(platform.architecture())
                .setVariant(platform.variant())
                .build();
    }

    private int push(Session session, String image, Optional<Reference> to) throws IOException, InterruptedException {
        StoredImage stored = session.library().find(image);
        String name = to.map(Reference::toString).orElse(stored.name());
        List<Platform> wanted = platforms.isEmpty() ? complete(session.library(), stored) : platforms;
        ImageStore store = ImageStore.newBuilder()
                .setName(stored.name())
                .addAllPlatforms(wanted.stream().map(RegistryTransfer::message).toList())
                .build();
        run(
                session,
                resolver -> OCIRegistry.newBuilder()
                        .setReference(name)
                        .setResolver(resolver)
                        .build(),
                store);
        session.terminal().say(name);
        return 0;
    }

    /** None if the image can be pushed as it is; else those platforms of it that are here. */
    private static List<Platform> complete(Library library, StoredImage image) {
        Optional<ImageTree> tree = library.tree(image.target());
        if (tree.isPresent() && tree.get() instanceof Index index) {
            List<Platform> here = wholePlatforms(library, image);
            return here.size() == index.manifests().size() ? List.of() : here;
        }
        return List.of();
    }

    /** The platforms of which everything is here. */
    static List<Platform> wholePlatforms(Library library, StoredImage image) {
        Map<Digest, Long> sizes = library.sizes();
        var whole = new ArrayList<Platform>();
        for (Variant variant : library.variants(image)) {
            if (variant.parts().stream().map(Descriptor::digest).allMatch(sizes::containsKey)) {
                whole.add(variant.platform());
            }
        }
        return whole;
    }

    /** A registry as a place, once it is known how to log in there. */
    private interface Place {
        OCIRegistry with(RegistryResolver resolver);
    }

    private void run(Session session, Place registry, ImageStore store) throws IOException, InterruptedException {
        RegistryResolver.Builder resolver = RegistryResolver.newBuilder();
        if (login == null) {
            run(session, registry.with(resolver.build()), store);
            return;
        }
        try (SideStream asked = SideStream.open(session.daemon(), login.complete(session.terminal()))) {
            run(session, registry.with(resolver.setAuthStream(asked.id()).build()), store);
        }
    }

    private void run(Session session, OCIRegistry registry, ImageStore store) throws IOException, InterruptedException {
        boolean pull = store.getUnpacksCount() > 0;
        Message source = pull ? registry : store;
        Message destination = pull ? store : registry;
        try (LayerBars bars = LayerBars.on(session.terminal(), quiet)) {
            transfer(session, source, destination, bars);
        }
    }

    /** Transfers, and returns when all that is to be told of it has been. */
    static void transfer(Session session, Message source, Message destination, LayerBars bars)
            throws IOException, InterruptedException {
        try (SideStream progress = SideStream.open(session.daemon(), bars)) {
            var _ = session.daemon()
                    .transfer()
                    .transfer(TransferRequest.newBuilder()
                            .setSource(SideStream.envelope(source))
                            .setDestination(SideStream.envelope(destination))
                            .setOptions(TransferOptions.newBuilder().setProgressStream(progress.id()))
                            .build());
            progress.awaitEnd();
        }
    }
}
