package dev.berth.snapshots;

import dev.berth.kernel.Disk;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Ids;
import dev.berth.kernel.Namespace;
import dev.berth.kernel.Rollback;
import dev.berth.store.Durability;
import dev.berth.store.GcLabel;
import dev.berth.store.Metadata;
import dev.berth.store.Payload;
import dev.berth.store.SnapshotRecord;
import dev.berth.store.SnapshotRecord.Kind;
import dev.berth.store.SnapshotRecord.Usage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What both ways have in common: a record in the store and a directory of its number for each snapshot. The record is there
 * before the directory and goes before it, so a directory without a record is a leftover, whatever happened.
 */
abstract sealed class DirectorySnapshotter implements Snapshotter permits OverlaySnapshotter, NativeSnapshotter {
    private static final Logger LOG = LoggerFactory.getLogger(Snapshotter.class);
    /** Begins the key of a layer that is being unpacked. No client uses it. */
    private static final String DRAFT = "berth-draft-";

    private static final String LEFTOVER = "snapshot-files";
    private static final int REMOVED_AT_ONCE = 4;

    private final String name;
    private final Metadata metadata;
    private final Disk disk;
    final SnapshotFiles files;

    DirectorySnapshotter(String name, Path directory, Metadata metadata, Disk disk) {
        this.name = name;
        this.metadata = metadata;
        this.disk = disk;
        try {
            files = new SnapshotFiles(directory);
        } catch (IOException e) {
            throw SnapshotFault.of("open the snapshots in " + directory, e);
        }
    }

    /** Makes the directory of a new snapshot as it is to be; the record is there. */
    abstract void fill(SnapshotRecord snapshot, List<SnapshotRecord> parents) throws IOException;

    /**
     * What to mount.
     *
     * @param parents topmost first
     */
    abstract List<MountPoint> mounts(SnapshotRecord snapshot, List<SnapshotRecord> parents) throws IOException;

    /** What is of no use any more once it is committed. */
    abstract void settle(SnapshotRecord snapshot) throws IOException;

    @Override
    public String name() {
        return name;
    }

    @Override
    public Path directory() {
        return files.directory();
    }

    @Override
    public List<MountPoint> prepare(Namespace namespace, String key, String parent, Map<String, String> labels) {
        return create(of(namespace, key, Kind.ACTIVE, parent, labels));
    }

    @Override
    public List<MountPoint> view(Namespace namespace, String key, String parent, Map<String, String> labels) {
        return create(of(namespace, key, Kind.VIEW, parent, labels));
    }

    private SnapshotRecord of(Namespace namespace, String key, Kind kind, String parent, Map<String, String> labels) {
        return SnapshotRecord.of(namespace, name, key, kind).on(parent).withLabels(labels);
    }

    private List<MountPoint> create(SnapshotRecord wanted) {
        List<SnapshotRecord> made = metadata.write(Durability.PROCESS, r -> {
            r.snapshots().create(wanted);
            return r.snapshots().chain(wanted.namespace(), name, wanted.key());
        });
        try (Rollback undo = new Rollback()) {
            undo.add("snapshot " + wanted.key(), () -> remove(wanted.namespace(), wanted.key()));
            List<SnapshotRecord> parents = made.subList(1, made.size());
            fill(made.getFirst(), parents);
            List<MountPoint> mounts = mounts(made.getFirst(), parents);
            undo.commit();
            return mounts;
        } catch (IOException e) {
            throw SnapshotFault.of("make snapshot " + wanted.key(), e);
        }
    }

    @Override
    public List<MountPoint> mounts(Namespace namespace, String key) {
        List<SnapshotRecord> chain = metadata.read(r -> r.snapshots().chain(namespace, name, key));
        SnapshotRecord found = chain.getFirst();
        if (found.kind() == Kind.COMMITTED) {
            throw Fault.precondition("mount snapshot " + key, "it is committed", "Make a view of it and mount that");
        }
        return mounting(found, chain.subList(1, chain.size()));
    }

    @Override
    public List<MountPoint> contents(Namespace namespace, String key) {
        return mounting(of(namespace, key, Kind.VIEW, key, Map.of()), chain(namespace, key));
    }

    private List<MountPoint> mounting(SnapshotRecord snapshot, List<SnapshotRecord> parents) {
        try {
            return mounts(snapshot, parents);
        } catch (IOException e) {
            throw SnapshotFault.of("mount snapshot " + snapshot.key(), e);
        }
    }

    @Override
    public SnapshotRecord commit(Namespace namespace, String committed, String key, Map<String, String> labels) {
        if (exists(namespace, committed)) { // also when the key is gone: who repeats a commit is told that it is done
            throw Fault.alreadyExists("commit snapshot " + key, "there is a snapshot " + committed + " already", "");
        }
        SnapshotRecord active = stat(namespace, key);
        if (active.kind() != Kind.ACTIVE) {
            throw Fault.precondition("commit snapshot " + key, "it is not active but " + active.kind(), "");
        }
        SnapshotRecord made;
        try {
            Usage usage = files.usage(active.number());
            sync();
            made = metadata.write(Durability.POWER, r -> r.snapshots().commit(active, committed, labels, usage));
        } catch (IOException e) {
            throw SnapshotFault.of("commit snapshot " + key, e);
        }
        try {
            settle(active); // last: one that could not be committed is still to be mounted
        } catch (IOException e) {
            LOG.warn("What snapshot {} needs no more stays until it is removed: {}", committed, e.toString());
        }
        return made;
    }

    private void sync() throws IOException {
        disk.syncFilesystem(files.directory());
    }

    /** The file system of all snapshots; to be closed. */
    Disk.Volume volume() throws IOException {
        return disk.volume(files.directory());
    }

    @Override
    public void remove(Namespace namespace, String key) {
        SnapshotRecord gone =
                metadata.write(Durability.PROCESS, r -> r.snapshots().delete(namespace, name, key));
        if (gone.kind()
                == Kind.COMMITTED) { // images rely on its record; nothing relies on an active one after a power loss
            metadata.flush();
        }
        removeFiles(gone.number());
    }

    /** The snapshot is gone for everybody; what can't be removed from the disk now is tried again later. */
    private void removeFiles(long number) {
        String what = name + "/" + number;
        try {
            files.remove(number);
        } catch (IOException e) {
            LOG.warn("The files of snapshot {} could not be removed, this will be tried again: {}", what, e.toString());
            metadata.apply(Durability.PROCESS, r -> r.leftovers().add(LEFTOVER, what, Payload.NONE));
        }
    }

    /** Several at a time: somebody may be waiting for the room. Each is tried, whatever becomes of the others. */
    private void removeFiles(List<Long> numbers) {
        List<Future<?>> removals = new ArrayList<>();
        try (var removers = Executors.newFixedThreadPool(
                REMOVED_AT_ONCE, Thread.ofVirtual().name("remove-snapshots").factory())) {
            numbers.forEach(number -> removals.add(removers.submit(() -> removeFiles(number))));
        }
        for (Future<?> removal : removals) {
            if (removal.state() == Future.State.FAILED) {
                throw Fault.of("remove the files of snapshots", new ExecutionException(removal.exceptionNow()));
            }
        }
    }

    @Override
    public SnapshotRecord stat(Namespace namespace, String key) {
        return metadata.read(r -> r.snapshots().get(namespace, name, key));
    }

    @Override
    public boolean exists(Namespace namespace, String key) {
        return metadata.read(r -> r.snapshots().find(namespace, name, key)).isPresent();
    }

    @Override
    public List<SnapshotRecord> list(Namespace namespace) {
        return metadata.read(r -> r.snapshots().list(namespace, name));
    }

    @Override
    public SnapshotRecord label(Namespace namespace, String key, Map<String, String> labels) {
        return metadata.write(Durability.PROCESS, r -> {
            SnapshotRecord found = r.snapshots().get(namespace, name, key);
            return r.snapshots().update(found.withLabels(labels));
        });
    }

    @Override
    public Usage usage(Namespace namespace, String key) {
        SnapshotRecord found = stat(namespace, key);
        if (found.kind() != Kind.ACTIVE) { // a view has nothing of its own
            return found.usage();
        }
        try {
            return files.usage(found.number());
        } catch (IOException e) {
            throw SnapshotFault.of("count snapshot " + key, e);
        }
    }

    @Override
    public Path writablePath(Namespace namespace, String key) {
        SnapshotRecord found = stat(namespace, key);
        if (found.kind() != Kind.ACTIVE) {
            throw Fault.precondition("find the files of snapshot " + key, "it is not active but " + found.kind(), "");
        }
        return files.fs(found.number());
    }

    @Override
    public void recover() {
        metadata.apply(Durability.PROCESS, r -> {
            for (Namespace namespace : r.namespaces().list()) {
                for (SnapshotRecord record : r.snapshots().list(namespace, name)) {
                    if (record.key().startsWith(DRAFT) && record.kind() == Kind.ACTIVE) {
                        r.snapshots().delete(namespace, name, record.key());
                    }
                }
            }
        });
    }

    @Override
    public void tidy() {
        try {
            Set<Long> there = files.numbers(); // before the records: a new one is made before its directory
            Set<Long> known = numbers();
            List<Long> unknown =
                    there.stream().filter(number -> !known.contains(number)).toList();
            if (!unknown.isEmpty()) {
                metadata.flush(); // a power loss must not bring back the record of what has no files any more
                removeFiles(unknown);
            }
            Set<Long> left = files.numbers();
            Set<Long> gone = new HashSet<>(there);
            gone.removeAll(left);
            if (!gone.isEmpty()) { // a transaction that changes nothing would still wake those who watch for changes
                metadata.apply(
                        Durability.PROCESS,
                        r -> r.leftovers().list(LEFTOVER).stream()
                                .filter(leftover -> gone.contains(numberOf(leftover.what())))
                                .forEach(leftover -> r.leftovers().done(leftover.number())));
            }
        } catch (IOException e) {
            throw SnapshotFault.of("tidy up the snapshots in " + files.directory(), e);
        }
    }

    /** Those that have a record. */
    Set<Long> numbers() {
        return metadata.read(r -> r.snapshots().numbers(name));
    }

    /** The number in the name of one of our leftovers; -1 in those of others. */
    private long numberOf(String leftover) {
        String prefix = name + "/";
        return leftover.startsWith(prefix) ? Long.parseLong(leftover.substring(prefix.length())) : -1;
    }

    /** A snapshot for a layer on its way, with an empty directory. */
    SnapshotRecord newDraft(Namespace namespace, boolean withWork) throws IOException {
        SnapshotRecord draft = metadata.write(
                Durability.PROCESS,
                r -> r.snapshots()
                        .create(SnapshotRecord.of(namespace, name, DRAFT + Ids.random(), Kind.ACTIVE)
                                .withLabels(GcLabel.KEEP)));
        try (Rollback undo = new Rollback()) {
            undo.add("draft " + draft.number(), () -> removeDraft(draft));
            files.make(draft.number(), withWork);
            undo.commit();
            return draft;
        }
    }

    /** Removes a draft, its files first: on a full disk they make the room that the change of the record takes. */
    void removeDraft(SnapshotRecord draft) {
        try {
            files.remove(draft.number());
        } catch (IOException e) {
            LOG.debug("The files of draft {} go with its record: {}", draft.number(), e.toString());
        }
        remove(draft.namespace(), draft.key());
    }

    /** The committed snapshots from this one down. */
    List<SnapshotRecord> chain(Namespace namespace, String key) {
        List<SnapshotRecord> chain = metadata.read(r -> r.snapshots().chain(namespace, name, key));
        if (chain.getFirst().kind() != Kind.COMMITTED) {
            throw Fault.precondition("stand on snapshot " + key, "it is not committed", "");
        }
        return chain;
    }

    /**
     * Makes drafts committed snapshots, the lowest first, all or none.
     *
     * @return those that are of no use, because their name is taken by an equal one
     */
    List<StackedLayer> commit(String base, List<StackedLayer> layers) {
        return metadata.write(Durability.PROCESS, r -> {
            var superfluous = new ArrayList<StackedLayer>();
            String parent = base;
            for (StackedLayer layer : layers) {
                SnapshotRecord draft = layer.draft();
                if (r.snapshots().find(draft.namespace(), name, layer.name()).isPresent()) {
                    superfluous.add(layer);
                } else {
                    SnapshotRecord grafted =
                            parent.isEmpty() ? draft : r.snapshots().graft(draft, parent);
                    r.snapshots().commit(grafted, layer.name(), layer.labels(), layer.usage());
                }
                parent = layer.name();
            }
            return superfluous;
        });
    }

    /**
     * A layer that is part of a chain and not committed yet.
     *
     * @param name the key that it will have
     */
    record StackedLayer(String name, Map<String, String> labels, SnapshotRecord draft, Usage usage) {}
}
