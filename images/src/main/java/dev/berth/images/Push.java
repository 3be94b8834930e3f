package dev.berth.images;

import dev.berth.images.PushRequest.Stage;
import dev.berth.images.registry.Destination;
import dev.berth.images.registry.Document;
import dev.berth.kernel.Fault;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.store.Blobs;
import dev.berth.store.Store;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.function.Supplier;

/**
 * One push from beginning to end: all blobs, some at a time, then manifests, then indexes, the one that gets the name last. What it
 * leaves at the registry when it fails has no name there.
 */
final class Push {
    private final PushRequest request;
    private final Destination destination;
    private final Store store;
    private final Supplier<Crew> crews;
    private final Keeping keeping;

    Push(PushRequest request, Destination destination, Store store, Supplier<Crew> crews, Keeping keeping) {
        this.request = request;
        this.destination = destination;
        this.store = store;
        this.crews = crews;
        this.keeping = keeping;
    }

    /**
     * Pushes.
     *
     * @return what the name points to at the registry now
     */
    Descriptor run() throws InterruptedException {
        Descriptor target = store.metadata()
                .read(records -> records.images().find(request.namespace(), request.image()))
                .orElseThrow(() -> Fault.notFound("image " + request.image(), "there is none", "Check the name"))
                .target();
        PushPlan plan = PushPlan.of(target, store.blobs(), request.platforms(), keeping);
        List<Document> documents = plan.documents();
        Document top = documents.getLast();
        Optional<Digest> digest = request.destination().digest();
        if (digest.isPresent() && !digest.get().equals(top.descriptor().digest())) {
            throw Fault.invalid(
                    "name " + request.destination(),
                    "what is pushed is " + top.descriptor().digest(),
                    "Give a tag");
        }
        documents
                .reversed()
                .forEach(it ->
                        request.listener().names(it.descriptor(), it.tree().parts()));
        documents.reversed().forEach(it -> tell(it.descriptor(), Stage.WAITING, 0));
        plan.blobs().forEach(it -> tell(it, Stage.WAITING, 0));
        blobs(plan);
        for (Document document : documents) {
            String name = document.descriptor().equals(top.descriptor()) && digest.isEmpty()
                    ? request.destination().target()
                    : "";
            boolean sent = destination.manifest(document.descriptor(), document.bytes(), name);
            tell(document.descriptor(), sent ? Stage.SENT : Stage.THERE, document.bytes().length);
        }
        return top.descriptor();
    }

    private void blobs(PushPlan plan) throws InterruptedException {
        try (Crew crew = crews.get()) {
            List<Future<?>> begun = new ArrayList<>();
            for (Descriptor blob : plan.blobs()) {
                begun.add(crew.begin(() -> {
                    send(blob);
                    return true;
                }));
            }
            for (Future<?> each : begun) {
                crew.result(each);
            }
        }
    }

    private void send(Descriptor blob) {
        List<String> candidates = store.metadata()
                .read(records -> records.contents().find(request.namespace(), blob.digest()))
                .map(content -> ContentLabels.sources(request.destination(), content.labels()))
                .orElse(List.of());
        Stage end = switch (destination.blob(
                blob, from -> open(blob, from), candidates, sent -> tell(blob, Stage.SENDING, sent))) {
            case THERE -> Stage.THERE;
            case MOUNTED -> Stage.MOUNTED;
            case SENT -> Stage.SENT;
        };
        tell(blob, end, blob.size());
    }

    private InputStream open(Descriptor blob, long from) {
        Blobs.Reader reader = store.blobs().open(blob.digest());
        try {
            reader.channel().position(from);
            return reader.stream(); // whoever closes it closes the file
        } catch (IOException e) {
            reader.close();
            throw Fault.unavailable("read blob " + blob.digest(), String.valueOf(e.getMessage()), "Look at the disk")
                    .causedBy(e);
        }
    }

    private void tell(Descriptor content, Stage stage, long bytes) {
        request.listener().told(content, stage, bytes);
    }
}
