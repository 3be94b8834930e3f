package dev.berth.services;

import dev.berth.images.Progress;
import dev.berth.images.PushRequest;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.MediaTypes;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Tells a client how far a transfer is, in containerd's words: of each index, manifest, config and layer what names it, and where it
 * is. That the parts of a document come after it, clients build their trees on.
 */
final class TransferProgress implements Progress, PushRequest.Listener {
    private static final long STEP_BYTES = 1 << 20;
    private static final String WAITING = "waiting";
    private static final String THERE = "already exists";

    /** One part of an image, and what was told of it last. */
    private static final class Job {
        private final Descriptor part;
        private Stage stage = Stage.WAITING;
        private long bytes;

        Job(Descriptor part) {
            this.part = part;
        }
    }

    private final Optional<ClientStream> client;
    private final String image;
    private final String active;
    private final Map<Digest, Job> jobs = new HashMap<>();
    private final Map<Digest, Descriptor> layers = new HashMap<>();
    /** The names of the documents that name something. */
    private final Map<Digest, Set<String>> parents = new HashMap<>();
    /** The last that was told of a part on its way. */
    private Optional<dev.berth.wire.containerd.transfertypes.Progress> last = Optional.empty();

    /**
     * Tells one client, or nobody.
     *
     * @param image what is transferred, above all its parts
     * @param active the word for a part's bytes being on their way
     */
    TransferProgress(Optional<ClientStream> client, String image, String active) {
        this.client = client;
        this.image = image;
        this.active = active;
    }

    /** Something about the transfer as a whole. */
    void say(String event) {
        client.ifPresent(stream -> stream.send(dev.berth.wire.containerd.transfertypes.Progress.newBuilder()
                .setEvent(event)
                .build()));
    }

    /**
     * Tells the last about a part again, after the last word about the whole: ctr shows such a word only with the next about a
     * part.
     */
    synchronized void end() {
        client.ifPresent(stream -> last.ifPresent(stream::send));
    }

    /** Something about an image. */
    void say(String event, String name, Descriptor about) {
        client.ifPresent(stream -> stream.send(dev.berth.wire.containerd.transfertypes.Progress.newBuilder()
                .setEvent(event)
                .setName(name)
                .setDesc(Messages.descriptor(about))
                .build()));
    }

    @Override
    public synchronized void found(Descriptor part, List<Descriptor> names, boolean before) {
        if (jobs.isEmpty()) {
            say("fetching image content", image, part);
        }
        names(part, names);
        if (begin(part)) {
            tell(before ? THERE : "complete", part, part.size());
            Job job = jobs.computeIfAbsent(part.digest(), _ -> new Job(part));
            job.stage = Stage.DONE; // what comes as a blob, too, need not be told again
            job.bytes = part.size();
        }
    }

    @Override
    public synchronized void names(Descriptor document, List<Descriptor> parts) {
        parts.forEach(part -> parents.computeIfAbsent(part.digest(), _ -> new LinkedHashSet<>())
                .add(key(document)));
    }

    @Override
    public synchronized void resolved(Descriptor manifest, List<Descriptor> layers) {
        layers.forEach(layer -> this.layers.put(layer.digest(), layer));
    }

    /** The first that is said of a part; false if it was said before. */
    private boolean begin(Descriptor part) {
        boolean first = jobs.putIfAbsent(part.digest(), new Job(part)) == null;
        if (first) {
            tell(WAITING, part, 0);
        }
        return first;
    }

    @Override
    public synchronized void layer(Digest digest, Stage stage, long bytes) {
        Descriptor part = layers.get(digest);
        boolean silent = !jobs.containsKey(digest) && stage == Stage.DONE; // it was there, and is of no work
        if (part == null || silent) {
            return;
        }
        begin(part);
        Job job = jobs.computeIfAbsent(digest, _ -> new Job(part));
        if (stage == Stage.WAITING) {
            return;
        }
        if (job.stage == stage && bytes - job.bytes < STEP_BYTES) {
            return;
        }
        String event = switch (stage) {
            case WAITING -> WAITING;
            case DOWNLOADING -> active;
            case UNPACKING -> "extracting";
            case DONE -> done(job.stage);
        };
        job.stage = stage;
        job.bytes = bytes;
        tell(event, job.part, bytes);
    }

    private static String done(Stage before) {
        return switch (before) {
            case WAITING -> THERE;
            case UNPACKING -> "extracted";
            case DOWNLOADING, DONE -> "complete";
        };
    }

    @Override
    public synchronized void told(Descriptor content, PushRequest.Stage stage, long bytes) {
        if (begin(content)) {
            return;
        }
        Job job = jobs.computeIfAbsent(content.digest(), _ -> new Job(content));
        boolean sending = stage == PushRequest.Stage.SENDING;
        if (sending && job.bytes > 0 && Math.abs(bytes - job.bytes) < STEP_BYTES) {
            return;
        }
        job.bytes = bytes;
        String event = switch (stage) {
            case WAITING -> WAITING;
            case SENDING -> active;
            case THERE, MOUNTED -> THERE;
            case SENT -> "complete";
        };
        tell(event, content, bytes);
    }

    private void tell(String event, Descriptor about, long bytes) {
        client.ifPresent(stream -> {
            var progress = dev.berth.wire.containerd.transfertypes.Progress.newBuilder()
                    .setEvent(event)
                    .setName(key(about))
                    .setProgress(bytes)
                    .setTotal(about.size())
                    .setDesc(Messages.descriptor(about));
            if (!event.equals(THERE)) { // of what is there containerd does not say what names it
                progress.addAllParents(parents.getOrDefault(about.digest(), Set.of(image)));
            }
            var told = progress.build();
            if (!event.equals(THERE) && !event.equals(WAITING)) {
                last = Optional.of(told);
            }
            stream.send(told);
        });
    }

    /** The name by which containerd's clients know a part of an image. */
    private static String key(Descriptor of) {
        String type = of.mediaType();
        String kind = "unknown";
        if (MediaTypes.isIndex(type)) {
            kind = "index";
        } else if (MediaTypes.isManifest(type)) {
            kind = "manifest";
        } else if (MediaTypes.isConfig(type)) {
            kind = "config";
        } else if (MediaTypes.isLayer(type) || MediaTypes.isForeignLayer(type)) {
            kind = "layer";
        }
        return kind + "-" + of.digest();
    }
}
