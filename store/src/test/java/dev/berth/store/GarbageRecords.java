package dev.berth.store;

import static dev.berth.store.StoreRoot.K8S;
import static dev.berth.store.StoreRoot.descriptor;
import static dev.berth.store.StoreRoot.digest;

import dev.berth.kernel.Namespace;
import dev.berth.store.SnapshotRecord.Usage;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Records that refer to each other, and what is left of them. */
final class GarbageRecords {
    static final String OVERLAY = "overlayfs";

    private GarbageRecords() {}

    static void content(Records records, Namespace namespace, String name, String... labels) {
        records.contents().put(namespace, digest(name), 1, map(labels));
    }

    static void content(Records records, String name, String... labels) {
        content(records, K8S, name, labels);
    }

    static void snapshot(Records records, String key, String parent, String... labels) {
        SnapshotRecord made = records.snapshots()
                .create(SnapshotRecord.of(K8S, OVERLAY, key + "-active", SnapshotRecord.Kind.ACTIVE)
                        .on(parent));
        records.snapshots().commit(made, key, map(labels), Usage.ZERO);
    }

    static void active(Records records, String key, String parent, String... labels) {
        records.snapshots()
                .create(SnapshotRecord.of(K8S, OVERLAY, key, SnapshotRecord.Kind.ACTIVE)
                        .on(parent)
                        .withLabels(map(labels)));
    }

    static void image(Records records, String name, String target, String... labels) {
        records.images().put(ImageRecord.of(K8S, name, descriptor(target), map(labels)));
    }

    static void lease(Records records, String id, Leases.Resource resource, String... labels) {
        records.leases().create(Leases.Lease.of(K8S, id).withLabels(map(labels)));
        records.leases().add(K8S, id, resource);
    }

    static void container(Records records, String id, String snapshot, String... labels) {
        records.containers()
                .create(ContainerRecord.of(K8S, id)
                        .snapshot(snapshot.isEmpty() ? "" : OVERLAY, snapshot)
                        .labels(map(labels))
                        .build());
    }

    static Map<String, String> map(String... pairs) {
        var map = new java.util.TreeMap<String, String>();
        for (int i = 0; i < pairs.length; i += 2) {
            map.put(pairs[i], pairs[i + 1]);
        }
        return map;
    }

    static String id(String content) {
        return digest(content).toString();
    }

    static Leases.Resource leased(String type, String id) {
        return new Leases.Resource(type, id);
    }

    static List<String> left(Metadata metadata) {
        return metadata.read(r -> {
            List<String> left = new ArrayList<>();
            for (Namespace namespace : r.namespaces().list()) {
                for (String name : List.of("a", "b", "c", "d", "e", "f")) {
                    r.contents().find(namespace, digest(name)).ifPresent(_ -> left.add("content " + name));
                }
                r.images().list(namespace).forEach(image -> left.add("image " + image.name()));
                r.leases().list(namespace).forEach(lease -> left.add("lease " + lease.id()));
                r.snapshots().list(namespace, OVERLAY).forEach(snapshot -> left.add("snapshot " + snapshot.key()));
            }
            return left;
        });
    }
}
