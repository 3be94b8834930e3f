package dev.berth.images;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.snapshots.LayerChain;
import dev.berth.snapshots.LayerDraft;
import dev.berth.snapshots.Placement;
import dev.berth.snapshots.Snapshotter;
import dev.berth.store.Blobs;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The layers of one image: every one's bytes into the store and, if asked, every one that has no snapshot yet into one. */
final class LayerSet {
    /** What is to be there afterwards. */
    enum Aim {
        /** The bytes of all. */
        PACKED,
        /** The bytes and the snapshots of all. */
        BOTH,
        /** The snapshots of all, and no more bytes than that takes. */
        SNAPSHOTS
    }

    private static final Logger LOG = LoggerFactory.getLogger(LayerSet.class);

    private final Namespace namespace;
    private final Blobs blobs;
    private final Snapshotter snapshotter;
    private final LayerSource source;
    private final Progress progress;
    private final Crew crew;

    /** @param crew ends with the work */
    LayerSet(
            Namespace namespace,
            Blobs blobs,
            Snapshotter snapshotter,
            LayerSource source,
            Progress progress,
            Crew crew) {
        this.namespace = namespace;
        this.blobs = blobs;
        this.snapshotter = snapshotter;
        this.source = source;
        this.progress = progress;
        this.crew = crew;
    }

    /** Does it. Whoever calls holds blobs and snapshots until there is a record of them. */
    void bring(List<ImageParts.Layer> layers, Aim aim) throws InterruptedException {
        int there = aim == Aim.PACKED ? layers.size() : unpacked(layers);
        int skipped = aim == Aim.SNAPSHOTS ? there : 0;
        layers.subList(aim == Aim.PACKED ? 0 : there, layers.size())
                .forEach(it -> progress.layer(it.descriptor().digest(), Progress.Stage.WAITING, 0));
        List<LayerWork> works = layers.subList(skipped, layers.size()).stream()
                .map(layer -> new LayerWork(source, blobs, crew, progress, layer))
                .toList();
        try {
            if (there == layers.size()) {
                finish(begin(works, works.size(), null));
            } else {
                unpack(
                        works,
                        there - skipped,
                        there == 0 ? "" : layers.get(there - 1).chain().toString());
            }
        } catch (Fault e) {
            if (e.code() == Fault.Code.RESOURCE_EXHAUSTED) {
                crew.close();
                works.forEach(LayerWork::drop);
            }
            throw e;
        }
    }

    private void unpack(List<LayerWork> works, int unpacked, String base) throws InterruptedException {
        try (LayerChain chain = snapshotter.layers(namespace, base)) {
            try {
                List<Begun> begun = begin(works, unpacked, chain);
                finish(begun.subList(0, unpacked));
                String parent = base;
                for (Begun each : begun.subList(unpacked, begun.size())) {
                    append(chain, each, parent);
                    parent = each.work.layer().chain().toString();
                }
            } finally {
                crew.close(); // before the chain: its threads write into it
            }
            long start = Spent.now();
            chain.commit();
            crew.spent().add(Spent.On.SYNC, Spent.now() - start);
        }
    }

    /** How many layers, from the lowest on, have their snapshots already. */
    private int unpacked(List<ImageParts.Layer> layers) {
        for (int count = layers.size(); count > 0; count--) {
            if (snapshotter.exists(namespace, layers.get(count - 1).chain().toString())) {
                return count;
            }
        }
        return 0;
    }

    private record Begun(LayerWork work, Future<@Nullable LayerDraft> draft) {}

    private List<Begun> begin(List<LayerWork> works, int unpacked, @Nullable LayerChain chain)
            throws InterruptedException {
        List<Begun> begun = new ArrayList<>();
        for (LayerWork work : works) {
            LayerChain into = begun.size() >= unpacked && chain != null && chain.sideBySide() ? chain : null;
            begun.add(new Begun(work, crew.begin(() -> work.run(into))));
        }
        return begun;
    }

    private void finish(List<Begun> begun) throws InterruptedException {
        for (Begun each : begun) {
            crew.result(each.draft);
        }
    }

    private void append(LayerChain chain, Begun begun, String parent) throws InterruptedException {
        LayerDraft draft = crew.result(begun.draft);
        ImageParts.Layer layer = begun.work.layer();
        String name = layer.chain().toString();
        Map<String, String> labels = ContentLabels.snapshot(layer, parent);
        if (draft != null) {
            switch (chain.append(name, labels, draft)) {
                case Placement.Placed placed -> {
                    return;
                }
                case Placement.NeedsParent(var why) ->
                    LOG.debug(
                            "layer {} is unpacked in its turn: {}",
                            layer.descriptor().digest(),
                            why);
            }
        }
        begun.work.appendInTurn(chain, name, labels);
    }
}
