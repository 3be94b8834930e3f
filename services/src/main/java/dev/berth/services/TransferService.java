package dev.berth.services;

import com.google.protobuf.Any;
import com.google.protobuf.Empty;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.berth.images.Archives;
import dev.berth.images.Images;
import dev.berth.images.Progress;
import dev.berth.images.PullRequest;
import dev.berth.images.PushRequest;
import dev.berth.images.registry.Access;
import dev.berth.images.registry.Credentials;
import dev.berth.images.registry.Transcript;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.linux.Platform;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Reference;
import dev.berth.store.Durability;
import dev.berth.store.ImageRecord;
import dev.berth.store.Store;
import dev.berth.wire.containerd.transfer.TransferGrpc;
import dev.berth.wire.containerd.transfer.TransferRequest;
import dev.berth.wire.containerd.transfertypes.ImageExportStream;
import dev.berth.wire.containerd.transfertypes.ImageImportStream;
import dev.berth.wire.containerd.transfertypes.ImageReference;
import dev.berth.wire.containerd.transfertypes.ImageStore;
import dev.berth.wire.containerd.transfertypes.OCIRegistry;
import dev.berth.wire.containerd.transfertypes.RegistryResolver;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Images from one place to another: registries, the store, archives that a client sends or gets over a stream. */
final class TransferService extends TransferGrpc.TransferImplBase {
    private static final Logger LOG = LoggerFactory.getLogger(TransferService.class);
    private static final String TYPES = "containerd.types.transfer.";

    /** A place. */
    private sealed interface Place {
        record Registry(OCIRegistry message) implements Place {}

        record Local(ImageStore message) implements Place {}

        record From(ImageImportStream message) implements Place {}

        record To(ImageExportStream message) implements Place {}
    }

    /** One call: in which namespace, which streams it uses. */
    private final class Transfer implements AutoCloseable {
        private final Namespace namespace = Headers.namespace();
        private final List<ClientStream> open = new ArrayList<>();
        private final List<SentText> texts = new ArrayList<>();

        ClientStream stream(String id) {
            ClientStream stream = streams.get(namespace.name(), id);
            open.add(stream);
            return stream;
        }

        /** What a client wants to read of the talk with a registry: over a stream of his own, else in the daemon's log. */
        Transcript transcript(RegistryResolver resolver) {
            boolean messages = RegistryOfCall.isDumped(resolver);
            boolean times = RegistryOfCall.isTraced(resolver);
            if (!messages && !times) {
                return Transcript.NONE;
            }
            if (resolver.getLogsStream().isEmpty()) {
                return new Transcript(messages, times, TransferService::log);
            }
            SentText text = new SentText(stream(resolver.getLogsStream()));
            texts.add(text);
            return new Transcript(messages, times, text);
        }

        @Override
        public void close() {
            texts.forEach(SentText::close); // what it has not taken yet is to reach the client
            open.forEach(ClientStream::close);
        }
    }

    private final Images images;
    private final Store store;
    private final Unpacking unpacking;
    private final Streams streams;
    private final InstantSource clock;

    TransferService(Images images, Store store, Unpacking unpacking, Streams streams, InstantSource clock) {
        this.images = images;
        this.store = store;
        this.unpacking = unpacking;
        this.streams = streams;
        this.clock = clock;
    }

    private static void log(String lines) {
        lines.lines().filter(it -> !it.isBlank()).forEach(LOG::info);
    }

    @Override
    public void transfer(TransferRequest request, StreamObserver<Empty> caller) {
        Calls.answerWhileWanted(caller, () -> {
            try (Transfer transfer = new Transfer()) {
                String told = request.getOptions().getProgressStream();
                Optional<ClientStream> progress =
                        told.isEmpty() ? Optional.empty() : Optional.of(transfer.stream(told));
                run(request, transfer, progress);
                return Empty.getDefaultInstance();
            }
        });
    }

    private void run(TransferRequest request, Transfer transfer, Optional<ClientStream> progress)
            throws InterruptedException {
        Place source = place(request.getSource());
        Place destination = place(request.getDestination());
        switch (source) {
            case Place.Registry(var registry)
            when destination instanceof Place.Local(var local) -> pull(transfer, registry, local, progress);
            case Place.Local(var local)
            when destination instanceof Place.Registry(var registry) -> push(transfer, local, registry, progress);
            case Place.Local(var local)
            when destination instanceof Place.To(var to) -> export(transfer, local, to, progress);
            case Place.Local(var local)
            when destination instanceof Place.Local(var other) -> tag(transfer.namespace, local, other);
            case Place.From(var from)
            when destination instanceof Place.Local(var local) -> importFrom(transfer, from, local, progress);
            case Place.From(var from) when destination instanceof Place.To(var to) -> echo(transfer, from, to);
            case Place.Registry _, Place.Local _, Place.From _, Place.To _ ->
                throw unimplemented(request.getSource(), request.getDestination());
        }
    }

    private static Fault unimplemented(Any source, Any destination) {
        return Fault.of(
                Fault.Code.UNIMPLEMENTED,
                "transfer",
                "method Transfer not implemented for " + source.getTypeUrl() + " to " + destination.getTypeUrl(),
                "");
    }

    private static Place place(Any envelope) {
        String type = ClientStream.type(envelope);
        try {
            return switch (type.startsWith(TYPES) ? type.substring(TYPES.length()) : type) {
                case "OCIRegistry" -> new Place.Registry(OCIRegistry.parseFrom(envelope.getValue()));
                case "ImageStore" -> new Place.Local(ImageStore.parseFrom(envelope.getValue()));
                case "ImageImportStream" -> new Place.From(ImageImportStream.parseFrom(envelope.getValue()));
                case "ImageExportStream" -> new Place.To(ImageExportStream.parseFrom(envelope.getValue()));
                default ->
                    throw Fault.of(
                            Fault.Code.UNIMPLEMENTED,
                            "transfer",
                            "there is no source or destination of the type " + envelope.getTypeUrl(),
                            "");
            };
        } catch (InvalidProtocolBufferException e) {
            throw Fault.invalid("transfer", "its " + type + " is not one: " + e.getMessage(), "")
                    .causedBy(e);
        }
    }

    private void pull(Transfer transfer, OCIRegistry from, ImageStore to, Optional<ClientStream> client) {
        Reference reference = RegistryOfCall.reference(from);
        StoreNames names = new StoreNames(to, clock);
        String shown = "OCI Registry (" + from.getReference() + ")";
        TransferProgress progress = new TransferProgress(client, from.getReference(), "downloading");
        progress.say("Resolving from " + shown);
        String first = firstName(to);
        Access access = access(transfer, from);
        progress.say("Pulling from " + shown);
        Descriptor target = images.fetch(PullRequest.of(transfer.namespace, reference)
                .with(access)
                .with(unpacking.extent(to, to.getAllMetadata()))
                .with(new PullRequest.Naming(List.of(first), names.labels()))
                .with(progress));
        List<Archives.Name> all = names.of(target);
        List<Archives.Name> further =
                all.stream().filter(it -> !it.name().equals(first)).toList();
        if (!further.isEmpty()) { // the first it has had since it is here
            name(transfer.namespace, further, target);
        }
        all.forEach(it -> progress.say("saved", it.name(), target));
        progress.say("Completed pull from " + shown);
        progress.end();
    }

    private void push(Transfer transfer, ImageStore from, OCIRegistry to, Optional<ClientStream> client) {
        Descriptor target = store.metadata()
                .read(records -> records.images().get(transfer.namespace, from.getName()))
                .target();
        Reference destination = RegistryOfCall.destination(
                to, from.getPlatformsCount() == 0 ? Optional.of(target.digest()) : Optional.empty());
        String shown = "OCI Registry (" + to.getReference() + ")";
        TransferProgress progress = new TransferProgress(client, from.getName(), "uploading");
        progress.say("Pushing to " + shown);
        progress.say("pushing content", from.getName(), target);
        images.push(new PushRequest(
                transfer.namespace,
                from.getName(),
                destination,
                access(transfer, to),
                from.getPlatformsList().stream().map(Messages::platform).toList(),
                progress));
        progress.say("pushed content", from.getName(), target);
        progress.say("Completed push to " + shown, "", target);
        progress.end();
    }

    /** The name that the image has from the first moment on. */
    private static String firstName(ImageStore to) {
        if (!to.getName().isEmpty()) {
            return to.getName();
        }
        return to.getExtraReferencesList().stream()
                .filter(it -> !it.getIsPrefix())
                .map(ImageReference::getName)
                .findFirst()
                .orElseThrow(() -> Fault.notFound("name the image", "no image name found", "Give one"));
    }

    private static Access access(Transfer transfer, OCIRegistry from) {
        RegistryResolver resolver = from.getResolver();
        Credentials credentials = resolver.getAuthStream().isEmpty()
                ? Credentials.ANONYMOUS
                : new AskedCredentials(transfer.stream(resolver.getAuthStream()), from.getReference());
        return RegistryOfCall.access(from, credentials).with(transfer.transcript(resolver));
    }

    /** Gives names; one that is taken is moved. */
    private List<ImageRecord> name(Namespace namespace, List<Archives.Name> names, Descriptor target) {
        return store.metadata()
                .write(
                        Durability.POWER,
                        records -> names.stream()
                                .map(name -> records.images()
                                        .put(ImageRecord.of(namespace, name.name(), target, name.labels())))
                                .toList());
    }

    private void tag(Namespace namespace, ImageStore from, ImageStore to) {
        Descriptor target = store.metadata()
                .read(records -> records.images().get(namespace, from.getName()))
                .target();
        name(namespace, new StoreNames(to, clock).of(target), target);
    }

    private void importFrom(Transfer transfer, ImageImportStream from, ImageStore to, Optional<ClientStream> client)
            throws InterruptedException {
        TransferProgress progress = new TransferProgress(client, to.getName(), "importing");
        progress.say("Importing");
        ClientStream stream = transfer.stream(from.getStream());
        StoreNames names = new StoreNames(to, clock);
        var request = new Archives.Import(
                transfer.namespace,
                unpacking.extent(to, false),
                from.getForceCompress(),
                Headers.namesImagesOnly() ? names.ofImagesOnly() : names,
                Progress.NONE);
        List<ImageRecord> records = Platform.<List<ImageRecord>, RuntimeException>thread(
                "import", () -> images.archives().read(request, new ReceivedBytes(stream)));
        records.forEach(record -> progress.say("saved", record.name(), record.target()));
        progress.say("Completed import");
    }

    private void export(Transfer transfer, ImageStore from, ImageExportStream to, Optional<ClientStream> client)
            throws InterruptedException {
        TransferProgress progress = new TransferProgress(client, from.getName(), "exporting");
        progress.say("Exporting");
        List<String> names = new ArrayList<>();
        if (!from.getName().isEmpty()) {
            names.add(from.getName());
        }
        for (ImageReference reference : from.getExtraReferencesList()) {
            if (reference.getIsPrefix()) {
                throw Fault.of(
                        Fault.Code.UNIMPLEMENTED, "export images", "prefix lookup on export not implemented", "");
            }
            names.add(reference.getName());
        }
        var request = new Archives.Export(
                transfer.namespace,
                names,
                to.getPlatformsList().stream().map(Messages::platform).toList(),
                to.getAllPlatforms(),
                !to.getSkipCompatibilityManifest(),
                !to.getSkipNonDistributable());
        SentBytes out = new SentBytes(transfer.stream(to.getStream()));
        Platform.<Boolean, RuntimeException>thread("export", () -> {
            images.archives().write(request, out);
            return true;
        });
        drain(out);
        progress.say("Completed export");
    }

    private static void drain(SentBytes out) {
        try {
            out.drain();
        } catch (IOException e) {
            throw Fault.unavailable("send the archive", String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    private static void echo(Transfer transfer, ImageImportStream from, ImageExportStream to) {
        ReceivedBytes in = new ReceivedBytes(transfer.stream(from.getStream()));
        SentBytes out = new SentBytes(transfer.stream(to.getStream()));
        try {
            in.transferTo(out);
            out.drain();
        } catch (IOException e) {
            throw Fault.unavailable("pass the archive on", String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }
}
