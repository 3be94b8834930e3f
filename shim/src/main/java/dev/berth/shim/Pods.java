package dev.berth.shim;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Rollback;
import dev.berth.linux.Fd;
import dev.berth.linux.Namespaces.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The pods of this supervisor: IPC, UTS and user namespaces and shared memory that outlive the containers of a pod, kept in the
 * vault; for a shared PID namespace an init. Thread-safe.
 */
final class Pods {
    /**
     * A pod to be made.
     *
     * @param network file of its network namespace; empty for the host's
     * @param shmBytes 0 for the default
     * @param users what its user namespace maps; empty for the host's
     */
    record NewPod(
            TaskKey key,
            Set<Kind> namespaces,
            String hostname,
            String network,
            long shmBytes,
            Map<String, String> sysctls,
            Optional<PodRecord.Init> init,
            Optional<PodRecord.Users> users) {}

    private static final Logger LOG = LoggerFactory.getLogger(Pods.class);
    private static final Duration AFTER_KILL = Duration.ofSeconds(30);

    private final Map<TaskKey, Pod> pods = new ConcurrentHashMap<>();
    private final Ledger ledger;
    private final Vault vault;
    private final PodMemory memory;
    private final PodInit init;
    private final Tasks tasks;
    private final Path places;
    private final InstantSource clock;

    Pods(Ledger ledger, Vault vault, PodMemory memory, PodInit init, Tasks tasks, InstantSource clock) {
        this.places = memory.kept();
        this.ledger = ledger;
        this.vault = vault;
        this.memory = memory;
        this.init = init;
        this.tasks = tasks;
        this.clock = clock;
    }

    /** Takes over what the last supervisor left; what it left half-made is removed. */
    void adopt() throws InterruptedException {
        for (PodRecord record : ledger.pods()) {
            Pod pod = new Pod(record);
            pods.put(record.key(), pod);
            try {
                if (!record.made()) {
                    discard(pod);
                } else if (record.stoppedAt() == null) {
                    reopen(pod);
                }
            } catch (IOException | Fault e) {
                LOG.error("pod {} cannot be taken over: it is not ready any more", record.key(), e);
                save(pod, record.stopped(clock.instant()));
            }
        }
    }

    private void reopen(Pod pod) throws IOException, InterruptedException {
        Map<Path, Kind> places = new LinkedHashMap<>();
        kinds(pod.record()).forEach(kind -> places.put(place(pod.key(), kind), kind));
        for (Path place : places.keySet()) {
            if (!Files.exists(place)) {
                throw new IOException(place + " is gone");
            }
        }
        vault.open(places.keySet().stream().toList())
                .forEach((place, fd) -> pod.namespaces().put(places.getOrDefault(place, Kind.IPC), fd));
    }

    private static Set<Kind> kinds(PodRecord record) {
        Set<Kind> kinds = EnumSet.noneOf(Kind.class);
        if (record.ipc()) {
            kinds.add(Kind.IPC);
        }
        if (record.uts()) {
            kinds.add(Kind.UTS);
        }
        if (record.users() != null) {
            kinds.add(Kind.USER);
        }
        return kinds;
    }

    /**
     * The pod of that name.
     *
     * @throws Fault NOT_FOUND if there is none
     */
    Pod find(TaskKey key) {
        Pod pod = pods.get(key);
        if (pod == null) {
            throw Fault.notFound("find pod " + key.id(), "there is no such pod in namespace " + key.namespace(), "");
        }
        return pod;
    }

    /**
     * Makes a pod.
     *
     * @throws Fault ALREADY_EXISTS if there is one of that name
     */
    void create(NewPod wanted) throws IOException, InterruptedException {
        PodRecord record = new PodRecord(
                wanted.key().namespace(),
                wanted.key().id(),
                wanted.namespaces().contains(Kind.IPC),
                wanted.namespaces().contains(Kind.UTS),
                wanted.network(),
                wanted.init().orElse(null),
                false,
                clock.instant(),
                null,
                wanted.users().orElse(null));
        Pod pod = new Pod(record);
        try (Rollback undo = new Rollback()) {
            if (pods.putIfAbsent(wanted.key(), pod) != null) {
                throw Fault.alreadyExists("create pod " + wanted.key().id(), "there is a pod of that name", "");
            }
            undo.add("pod " + wanted.key(), () -> discard(pod));
            ledger.save(record);
            pod.namespaces().putAll(PodNamespaces.make(wanted));
            keep(pod, wanted.shmBytes());
            save(pod, record.completed());
            undo.commit();
        }
    }

    private void keep(Pod pod, long shmBytes) throws IOException, InterruptedException {
        StateDir.make(places(pod.key()));
        Map<Path, Fd> kept = new LinkedHashMap<>();
        Set<Kind> ours = kinds(pod.record()); // a network namespace is pinned by who asked for it
        pod.namespaces().forEach((kind, fd) -> {
            if (ours.contains(kind)) {
                kept.put(place(pod.key(), kind), fd);
            }
        });
        if (pod.record().ipc()) {
            memory.create(pod.key(), shmBytes, pod.record().users(), kept);
        } else if (!kept.isEmpty()) {
            vault.keep(kept);
        }
    }

    /** Starts the init if it has one; returns its process id, or 0. */
    int start(TaskKey key) throws IOException, InterruptedException {
        Pod pod = find(key);
        PodRecord.Init how = pod.record().init();
        if (how == null) {
            return 0;
        }
        init.start(pod, how);
        return initPid(key);
    }

    /** The init's process id; 0 if it has none that is running. */
    int initPid(TaskKey key) {
        return initOf(key)
                .filter(process -> process.state() == ProcessState.RUNNING)
                .map(process -> process.record().pid())
                .orElse(0);
    }

    private Optional<TaskProcess> initOf(TaskKey key) {
        try {
            return Optional.of(tasks.find(key.initOfPod()).init());
        } catch (Fault none) {
            return Optional.empty();
        }
    }

    /** True if containers can be put in. */
    boolean isReady(Pod pod) {
        return pod.record().stoppedAt() == null && (pod.record().init() == null || initPid(pod.key()) > 0);
    }

    /** Paths of what the pod has, for an OCI config; they hold as long as this supervisor runs and the pod is not stopped. */
    Map<String, String> paths(Pod pod) {
        Map<String, String> paths = new TreeMap<>();
        long self = ProcessHandle.current().pid();
        pod.namespaces()
                .forEach((kind, fd) ->
                        paths.put(kind.file(), fd.procPathFor(self).toString()));
        int initPid = initPid(pod.key());
        if (initPid > 0) {
            paths.put("pid", "/proc/" + initPid + "/ns/pid");
            paths.put("init_pid", Integer.toString(initPid));
        }
        if (pod.record().ipc() && pod.record().stoppedAt() == null) {
            paths.put("shm", memory.place(pod.key()).toString());
        }
        return paths;
    }

    /** Waits until the pod has been stopped or its init has ended. */
    void awaitStop(TaskKey key) throws InterruptedException {
        Pod pod = find(key);
        Optional<TaskProcess> process = initOf(key);
        if (process.isPresent()) {
            process.get().awaitEnd();
        } else {
            pod.awaitStop();
        }
    }

    /** Lets go of everything that the pod holds; harmless if that is done. */
    void stop(TaskKey key) throws IOException, InterruptedException {
        Pod pod = pods.get(key);
        if (pod != null && pod.record().stoppedAt() == null) {
            release(pod);
            save(pod, pod.record().stopped(clock.instant()));
        }
    }

    /** Stops and forgets the pod; harmless if there is none. */
    void remove(TaskKey key) throws IOException, InterruptedException {
        Pod pod = pods.get(key);
        if (pod != null) {
            discard(pod);
        }
    }

    private void discard(Pod pod) throws IOException, InterruptedException {
        release(pod);
        if (pod.record().stoppedAt() == null) {
            pod.become(pod.record().stopped(clock.instant()));
        }
        ledger.removePod(pod.key());
        pods.remove(pod.key(), pod);
    }

    private void release(Pod pod) throws IOException, InterruptedException {
        endInit(pod.key());
        pod.closeNamespaces();
        Vault.drop(places(pod.key()));
        memory.remove(pod.key());
    }

    private void endInit(TaskKey key) throws IOException, InterruptedException {
        Optional<TaskProcess> process = initOf(key);
        if (process.isEmpty()) {
            return;
        }
        process.get().end(AFTER_KILL);
        tasks.delete(key.initOfPod(), "");
    }

    private void save(Pod pod, PodRecord next) {
        ledger.save(next);
        pod.become(next);
    }

    /** Where the pod's things are in the vault. */
    private Path places(TaskKey key) {
        return places.resolve(key.namespace()).resolve(key.id());
    }

    private Path place(TaskKey key, Kind kind) {
        return places(key).resolve(kind.name().toLowerCase(Locale.ROOT));
    }
}
