package dev.berth.cri;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.oci.Adapters;
import dev.berth.oci.JsonMaps;
import dev.berth.store.ContainerRecord;
import dev.berth.store.Durability;
import dev.berth.store.Metadata;
import dev.berth.store.Payload;
import dev.berth.store.SandboxRecord;
import io.avaje.jsonb.JsonType;
import io.avaje.jsonb.Jsonb;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Every pod and container, in memory for reading and on disk before anybody reads it.
 *
 * <p>A change is written first and visible after: whoever sees a state here will see it after a crash too. Records survive
 * the end of the process; after a power loss the newest may be missing, and then their processes are too.
 *
 * <p>Thread-safe. Changes of one pod or container happen one after the other.
 */
public final class Ledger {
    private static final Namespace SPACE = Namespace.KUBERNETES;
    private static final String POD = "dev.berth.cri/pod";
    private static final String CONTAINER = "dev.berth.cri/container";
    private static final String LIFE = "dev.berth.cri/life";
    private static final String KIND = "io.cri-containerd.kind"; // as containerd's users know it from ctr

    private static final Logger LOG = LoggerFactory.getLogger(Ledger.class);

    private static final class Cell<T> {
        volatile T value;

        Cell(T value) {
            this.value = value;
        }
    }

    private final Metadata metadata;
    private final JsonType<Pod> podJson;
    private final JsonType<Container> containerJson;
    private final JsonType<Container.Life> lifeJson;
    private final Map<String, Cell<Pod>> pods = new ConcurrentHashMap<>();
    private final Map<String, Cell<Container>> containers = new ConcurrentHashMap<>();

    private Ledger(Metadata metadata) {
        this.metadata = metadata;
        Jsonb json = json();
        this.podJson = json.type(Pod.class);
        this.containerJson = json.type(Container.class);
        this.lifeJson = json.type(Container.Life.class);
    }

    /** How records are written, keys of maps included. */
    static Jsonb json() {
        return Adapters.of(Jsonb.builder().add(JsonMaps.factory(false)));
    }

    /**
     * Reads all records. One that cannot be read is dropped, with a word in the log, and so is a container whose pod is gone:
     * whatever they had is then what no record knows, and recovery takes it away. A node does not stay down for one pod.
     *
     * @throws Fault FAILED_PRECONDITION if most cannot be read: that is no bad disk, but a program that does not know them, and
     *     nobody's pods shall end for that
     */
    public static Ledger open(Metadata metadata) {
        var ledger = new Ledger(metadata);
        List<Damage> damages = ledger.load();
        List<Damage> torn = damages.stream().filter(Damage::torn).toList();
        int all = ledger.pods.size() + ledger.containers.size() + torn.size();
        if (torn.size() > 1 && 2 * torn.size() > all) {
            throw Fault.precondition(
                    "read the records of pods",
                    torn.size() + " of " + all + " cannot be read, as that of "
                            + torn.getFirst().id() + ": " + torn.getFirst().why(),
                    "If another version of Berth has written them, start that one. berth check --repair drops them; what they"
                            + " are about ends with the next start");
        }
        ledger.drop(damages);
        return ledger;
    }

    /**
     * A record that cannot be used.
     *
     * @param pod false for a container
     * @param torn whether it cannot be read; else it is the container of a pod that is not there
     * @param why what is the matter with it
     */
    public record Damage(boolean pod, String id, boolean torn, String why) {}

    /** The records that cannot be used; nothing is changed. */
    public static List<Damage> damages(Metadata metadata) {
        return new Ledger(metadata).load();
    }

    /** Drops the records that cannot be used, however many they are, and tells which. */
    public static List<Damage> repair(Metadata metadata) {
        var ledger = new Ledger(metadata);
        List<Damage> damages = ledger.load();
        ledger.drop(damages);
        return damages;
    }

    private void drop(List<Damage> damages) {
        for (Damage damage : damages) {
            LOG.error(
                    "{} {}: {}; its record is dropped, and what it had is taken away",
                    damage.pod() ? "pod" : "container",
                    damage.id(),
                    damage.why());
            if (damage.pod()) {
                removePod(damage.id());
            } else {
                removeContainer(damage.id());
            }
        }
    }

    private List<Damage> load() {
        var damages = new ArrayList<Damage>();
        for (SandboxRecord record : metadata.read(records -> records.sandboxes().list(SPACE))) {
            try {
                load(record);
            } catch (RuntimeException e) { // whatever an adapter or a record finds wrong
                damages.add(new Damage(true, record.id(), true, "its record cannot be read: " + e.getMessage()));
            }
        }
        for (ContainerRecord record :
                metadata.read(records -> records.containers().list(SPACE))) {
            try {
                load(record);
                Cell<Container> loaded = containers.get(record.id());
                if (loaded != null && !pods.containsKey(loaded.value.podId())) {
                    damages.add(new Damage(
                            false,
                            record.id(),
                            false,
                            "its pod " + loaded.value.podId() + " is not there, or its record cannot be read"));
                }
            } catch (RuntimeException e) {
                damages.add(new Damage(false, record.id(), true, "its record cannot be read: " + e.getMessage()));
            }
        }
        return damages;
    }

    private void load(SandboxRecord record) {
        Payload pod = record.extensions().get(POD);
        if (pod != null) { // others may keep sandboxes in this namespace too
            pods.put(record.id(), new Cell<>(podJson.fromJson(pod.bytes())));
        }
    }

    private void load(ContainerRecord record) {
        Payload container = record.extensions().get(CONTAINER);
        Payload life = record.extensions().get(LIFE);
        if (container != null) {
            Container read = containerJson.fromJson(container.bytes());
            containers.put(record.id(), new Cell<>(life == null ? read : read.with(lifeJson.fromJson(life.bytes()))));
        }
    }

    void add(Pod pod) {
        var record = SandboxRecord.of(SPACE, pod.id())
                .labels(labels(pod.config().labels(), "sandbox"))
                .runtime(pod.handler(), Payload.NONE)
                .sandboxer("berth")
                .extension(POD, payload(podJson, pod))
                .build();
        metadata.apply(Durability.PROCESS, records -> records.sandboxes().create(record));
        pods.put(pod.id(), new Cell<>(pod));
    }

    /** @param holding labels by which the record keeps others */
    void add(Container container, ContainerRecord.Builder shared, Map<String, String> holding) {
        Map<String, String> labels = labels(container.config().labels(), "container");
        labels.putAll(holding);
        var record = shared.labels(labels)
                .extension(CONTAINER, payload(containerJson, container))
                .build();
        metadata.apply(Durability.PROCESS, records -> records.containers().create(record));
        containers.put(container.id(), new Cell<>(container));
    }

    /** A record of a container that {@link #add} accepts, with what both APIs read. */
    static ContainerRecord.Builder record(String id) {
        return ContainerRecord.of(SPACE, id);
    }

    boolean hasPod(String id) {
        return pods.containsKey(id);
    }

    boolean hasContainer(String id) {
        return containers.containsKey(id);
    }

    /** @throws Fault NOT_FOUND if there is no such pod any more */
    Pod changePod(String id, UnaryOperator<Pod> change) {
        Cell<Pod> cell = cell(pods, id, "pod");
        synchronized (cell) {
            Pod next = change.apply(cell.value);
            if (!next.equals(cell.value)) {
                metadata.apply(
                        Durability.PROCESS,
                        records -> records.sandboxes().putExtension(SPACE, id, POD, payload(podJson, next)));
                cell.value = next;
            }
            return next;
        }
    }

    /** @throws Fault NOT_FOUND if there is no such container any more */
    Container changeContainer(String id, UnaryOperator<Container> change) {
        Cell<Container> cell = cell(containers, id, "container");
        synchronized (cell) {
            Container next = change.apply(cell.value);
            if (!next.equals(cell.value)) {
                boolean lives = !next.life().equals(cell.value.life());
                metadata.apply(Durability.PROCESS, records -> {
                    records.containers().putExtension(SPACE, id, CONTAINER, payload(containerJson, next));
                    if (lives) {
                        records.containers().putExtension(SPACE, id, LIFE, payload(lifeJson, next.life()));
                    }
                });
                cell.value = next;
            }
            return next;
        }
    }

    /** Changes the part that changes often. @throws Fault NOT_FOUND if there is no such container any more */
    Container changeLife(String id, UnaryOperator<Container.Life> change) {
        Cell<Container> cell = cell(containers, id, "container");
        synchronized (cell) {
            Container.Life next = change.apply(cell.value.life());
            if (!next.equals(cell.value.life())) {
                metadata.apply(
                        Durability.PROCESS,
                        records -> records.containers().putExtension(SPACE, id, LIFE, payload(lifeJson, next)));
                cell.value = cell.value.with(next);
            }
            return cell.value;
        }
    }

    void removePod(String id) {
        metadata.apply(Durability.PROCESS, records -> records.sandboxes().remove(SPACE, id));
        pods.remove(id);
    }

    void removeContainer(String id) {
        metadata.apply(Durability.PROCESS, records -> records.containers().remove(SPACE, id));
        containers.remove(id);
    }

    public List<Pod> pods() {
        return values(pods);
    }

    public List<Container> containers() {
        return values(containers);
    }

    public List<Container> containersOf(String podId) {
        return containers().stream().filter(c -> c.podId().equals(podId)).toList();
    }

    /** A pod by its id or a beginning of it that no other pod has. */
    public Optional<Pod> findPod(String idOrPrefix) {
        return find(pods, idOrPrefix, "pod");
    }

    /** A container by its id or a beginning of it that no other container has. */
    public Optional<Container> findContainer(String idOrPrefix) {
        return find(containers, idOrPrefix, "container");
    }

    /**
     * A pod by its id or the beginning of it.
     *
     * @throws Fault NOT_FOUND
     */
    public Pod pod(String idOrPrefix) {
        return findPod(idOrPrefix).orElseThrow(() -> notFound("pod", idOrPrefix));
    }

    /**
     * A container by its id or the beginning of it.
     *
     * @throws Fault NOT_FOUND
     */
    public Container container(String idOrPrefix) {
        return findContainer(idOrPrefix).orElseThrow(() -> notFound("container", idOrPrefix));
    }

    private static <T> Optional<T> find(Map<String, Cell<T>> cells, String idOrPrefix, String what) {
        if (idOrPrefix.isEmpty()) {
            throw Fault.invalid(what, "the id is empty", "Give the id or the beginning of it");
        }
        Cell<T> exact = cells.get(idOrPrefix);
        if (exact != null) {
            return Optional.of(exact.value);
        }
        List<Cell<T>> found = cells.entrySet().stream()
                .filter(entry -> entry.getKey().startsWith(idOrPrefix))
                .map(Map.Entry::getValue)
                .toList();
        if (found.size() > 1) {
            throw Fault.invalid(what + " " + idOrPrefix, found.size() + " ids begin like this", "Give more of the id");
        }
        return found.stream().findFirst().map(cell -> cell.value);
    }

    private static <T> Cell<T> cell(Map<String, Cell<T>> cells, String id, String what) {
        Cell<T> cell = cells.get(id);
        if (cell == null) {
            throw notFound(what, id);
        }
        return cell;
    }

    private static Fault notFound(String what, String id) {
        String shown = id.length() > 80 ? id.substring(0, 80) + "…" : id;
        return Fault.notFound(
                what + " \"" + shown + "\"",
                "there is none with this id",
                "It may be removed already; a list shows those that are there");
    }

    private static <T> List<T> values(Map<String, Cell<T>> cells) {
        Collection<Cell<T>> all = cells.values();
        Function<Cell<T>, T> value = cell -> cell.value;
        return all.stream().map(value).toList();
    }

    private static <T> Payload payload(JsonType<T> type, T value) {
        return Payload.of(type.toJson(value).getBytes(StandardCharsets.UTF_8));
    }

    private static Map<String, String> labels(Map<String, String> given, String kind) {
        var labels = new HashMap<>(given);
        labels.put(KIND, kind);
        return labels;
    }
}
