package dev.berth.services;

import dev.berth.images.Progress;
import dev.berth.images.PushRequest;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.MediaTypes;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Tells a client how far a transfer is, in containerd's words. */
final class TransferProgress implements Progress, PushRequest.Listener {
    private static final long STEP_BYTES = 1 << 20;

    /** One layer, and what was told of it last. */
    private static final class Job {
        private final Descriptor layer;
        private final String parent;
        private Optional<Stage> stage = Optional.empty();
        private long bytes;

        Job(Descriptor layer, String parent) {
            this.layer = layer;
            this.parent = parent;
        }
    }

    private final Optional<ClientStream> client;
    private final String image;
    private final String active;
    private final Map<Digest, Job> jobs = new HashMap<>();

    /**
     * Tells one client, or nobody.
     *
     * @param active the word for a layer's bytes being on their way
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

    /** Something about an image. */
    void say(String event, String name, Descriptor about) {
        client.ifPresent(stream -> stream.send(dev.berth.wire.containerd.transfertypes.Progress.newBuilder()
                .setEvent(event)
                .setName(name)
                .setDesc(Messages.descriptor(about))
                .build()));
    }

    @Override
    public synchronized void resolved(Descriptor manifest, List<Descriptor> layers) {
        String parent = key(manifest);
        if (jobs.isEmpty()) {
            say("fetching image content", image, manifest);
        }
        tell("complete", manifest, image, manifest.size());
        for (Descriptor layer : layers) {
            if (jobs.putIfAbsent(layer.digest(), new Job(layer, parent)) == null) {
                tell("waiting", layer, parent, 0);
            }
        }
    }

    @Override
    public synchronized void layer(Digest digest, Stage stage, long bytes) {
        Job job = jobs.get(digest);
        if (job == null) {
            return;
        }
        boolean sameStage = job.stage.filter(stage::equals).isPresent();
        if (sameStage && bytes - job.bytes < STEP_BYTES) {
            return;
        }
        String event = switch (stage) {
            case DOWNLOADING -> active;
            case UNPACKING -> "extracting";
            case DONE -> done(job.stage);
        };
        job.stage = Optional.of(stage);
        job.bytes = bytes;
        tell(event, job.layer, job.parent, bytes);
    }

    private static String done(Optional<Stage> before) {
        if (before.isEmpty()) {
            return "already exists";
        }
        return before.get() == Stage.UNPACKING ? "extracted" : "complete";
    }

    @Override
    public synchronized void told(Descriptor content, PushRequest.Stage stage, long bytes) {
        Job job = jobs.computeIfAbsent(content.digest(), _ -> new Job(content, image));
        boolean sending = stage == PushRequest.Stage.SENDING;
        if (sending && job.bytes > 0 && Math.abs(bytes - job.bytes) < STEP_BYTES) {
            return;
        }
        job.bytes = bytes;
        String event = switch (stage) {
            case WAITING -> "waiting";
            case SENDING -> active;
            case THERE, MOUNTED -> "already exists";
            case SENT -> "complete";
        };
        tell(event, content, job.parent, bytes);
    }

    private void tell(String event, Descriptor about, String parent, long bytes) {
        client.ifPresent(stream -> stream.send(dev.berth.wire.containerd.transfertypes.Progress.newBuilder()
                .setEvent(event)
                .setName(key(about))
                .addParents(parent)
                .setProgress(bytes)
                .setTotal(about.size())
                .setDesc(Messages.descriptor(about))
                .build()));
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
