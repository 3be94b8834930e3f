package dev.berth.cri;

import dev.berth.cri.Cleaning.Kind;
import dev.berth.cri.checkpoint.PodDump;
import dev.berth.cri.checkpoint.PodDump.Member;
import dev.berth.kernel.DiskFault;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Rollback;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.ReadOnlyFileSystemException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes down containers that run, so that they can be looked into, or go on elsewhere. They stand still while their memory
 * and their files are read, and then run on, whatever became of it.
 */
public final class Checkpoints {
    private static final Logger LOG = LoggerFactory.getLogger(Checkpoints.class);

    /** Long enough for the memory of a large machine on a slow disk. */
    private static final Duration LONGEST = Duration.ofMinutes(30);

    /** In a container's folder, where its checkpoint was to be. */
    private static final String TARGET = "target";

    private final CriContext context;
    private final ContainerMaking making;
    private final ContainerFolders folders;
    private final Dump.Sealing sealing;
    /** By pod: what one has stand still must not be let go by another. */
    private final Turns turns = new Turns();

    /** @param folders for the time between a container's standing still and its archive's being written */
    Checkpoints(CriContext context, ContainerMaking making, ContainerFolders folders, Dump.Sealing sealing) {
        this.context = context;
        this.making = making;
        this.folders = folders;
        this.sealing = sealing;
        context.cleaning().by(Kind.PAUSE, this::resumeLater);
    }

    /**
     * Writes a container that runs into an archive. It runs on.
     *
     * @param location absolute path of the archive, in a directory that exists; a file that is there is replaced when the new
     *     one is whole
     * @param limit zero for half an hour
     * @throws Fault NOT_FOUND; INVALID_ARGUMENT for a location that can never be one; FAILED_PRECONDITION if the container does
     *     not run, or its runtime or the node cannot do it; DEADLINE_EXCEEDED; RESOURCE_EXHAUSTED if the disk is full
     */
    public void container(String idOrPrefix, String location, Duration limit) throws InterruptedException {
        context.gate().pass();
        Container found = context.ledger().container(idOrPrefix);
        String what = "checkpoint container " + found.id();
        var until = new Until(what, limit);
        Path target = target(what, location);
        try (var _ = turns.take(found.podId())) {
            Container container = context.ledger().container(found.id());
            ContainerRunning.requireRunning(what, container);
            Path parent = target.getParent();
            if (parent == null || !Files.isDirectory(parent)) {
                throw Fault.precondition(what, "there is no directory " + parent, "Make it first");
            }
            requireReplaceable(what, target);
            var _ = until.left(); // who has not waited for his turn needs nothing to stand still
            dump(until, List.of(container), target, dumps -> pack(until, dumps.getFirst(), target));
        }
    }

    /**
     * Writes containers of a pod into a directory, all as they were while all of them stood still. They run on.
     *
     * @param output absolute path of the directory; made if need be, else it must be empty
     * @param containerIds whole ids; none for all that run
     * @param options there are none yet
     * @param limit zero for half an hour
     * @throws Fault as {@link #container}
     */
    public void pod(
            String idOrPrefix, String output, List<String> containerIds, Map<String, String> options, Duration limit)
            throws InterruptedException {
        context.gate().pass();
        Pod pod = context.ledger().pod(idOrPrefix);
        String what = "checkpoint pod " + pod.id();
        var until = new Until(what, limit);
        requireNoOptions(what, options);
        Path target = target(what, output);
        try (var _ = turns.take(pod.id())) {
            List<Container> containers = chosen(what, pod, containerIds);
            var _ = until.left();
            boolean made = makeEmpty(what, target);
            try (var undo = new Rollback()) {
                undo.add("what was written to " + target, () -> empty(target, made));
                dump(until, containers, target, dumps -> packAll(until, pod, dumps, target));
                undo.commit();
            }
        }
    }

    static void requireNoOptions(String what, Map<String, String> options) {
        if (!options.isEmpty()) {
            throw Fault.invalid(
                    what,
                    "option " + options.keySet().iterator().next() + " is not known; there are none",
                    "Leave options out");
        }
    }

    static Path target(String what, String location) {
        try {
            Path path = Path.of(location);
            if (path.isAbsolute() && path.getFileName() != null && path.equals(path.normalize())) {
                return path;
            }
        } catch (InvalidPathException e) {
            LOG.debug("{}: a path that is none", what, e);
        }
        throw Fault.invalid(
                what,
                location.isEmpty()
                        ? "there is no path to write to"
                        : "\"" + location + "\" is not an absolute, plain path",
                "Give one like /var/lib/checkpoints/web.tar");
    }

    private static void requireReplaceable(String what, Path target) {
        if (Files.exists(target, LinkOption.NOFOLLOW_LINKS)
                && !Files.isRegularFile(target, LinkOption.NOFOLLOW_LINKS)) {
            throw Fault.precondition(what, target + " is there and not a plain file", "Name another one");
        }
    }

    /** Two of one name could not be told apart when they are restored. */
    private List<Container> chosen(String what, Pod pod, List<String> ids) {
        List<Container> all = context.ledger().containersOf(pod.id());
        List<Container> chosen = new ArrayList<>();
        if (ids.isEmpty()) {
            all.stream()
                    .filter(container -> container.state() == ContainerState.RUNNING)
                    .forEach(chosen::add);
        }
        for (String id : Set.copyOf(ids)) {
            Container container = all.stream()
                    .filter(each -> each.id().equals(id))
                    .findFirst()
                    .orElseThrow(() -> Fault.notFound(
                            what,
                            "it has no container \"" + id + "\"",
                            "Name containers of the pod by their whole ids"));
            ContainerRunning.requireRunning(what + " with container " + id, container);
            chosen.add(container);
        }
        if (chosen.isEmpty()) {
            throw Fault.precondition(what, "none of its containers runs", "Start one first");
        }
        Set<String> names = new HashSet<>();
        chosen.forEach(container -> {
            if (!names.add(container.config().metadata().name())) {
                throw Fault.precondition(
                        what,
                        "two containers that run are named "
                                + container.config().metadata().name(),
                        "Name one of them in container_ids");
            }
        });
        return chosen;
    }

    /** Whether it had to be made. */
    private static boolean makeEmpty(String what, Path target) {
        try {
            if (!Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
                Files.createDirectory(target, ContainerFolders.OURS_ALONE);
                return true;
            }
            try (Stream<Path> content = Files.list(target)) {
                if (content.findAny().isEmpty()) {
                    return false;
                }
            }
        } catch (IOException e) {
            throw Fault.precondition(
                            what,
                            "directory " + target + " can be neither made nor read: " + e.getMessage(),
                            "Make the directory above it first")
                    .causedBy(e);
        }
        throw Fault.precondition(what, "directory " + target + " is not empty", "Name one that is empty or not there");
    }

    private static void empty(Path target, boolean withItself) throws IOException {
        List<Path> content;
        try (Stream<Path> files = Files.list(target)) {
            content = files.toList();
        }
        for (Path file : content) {
            Files.delete(file); // plain files of ours, nothing else was there
        }
        if (withItself) {
            Files.delete(target);
        }
    }

    /** What is to be made of containers that were written down and run again. */
    private interface Packing {
        void of(List<Dump> dumps) throws IOException, InterruptedException;
    }

    /**
     * Writes containers down.
     *
     * @param target what comes of it; noted, so that a daemon that comes after this one removes what there is of it
     */
    private void dump(Until until, List<Container> containers, Path target, Packing packing)
            throws InterruptedException {
        try (var remains = new Rollback()) { // never committed: nothing of this stays
            List<Dump> dumps = new ArrayList<>();
            for (Container container : containers) {
                String id = container.id();
                remains.add("files of the checkpoint of " + id, () -> folders.remove(id));
                Path own = folders.make(id);
                Files.writeString(own.resolve(TARGET), target.toString());
                Dump dump = new Dump(container, own, context.nowNanos());
                remains.add("log of " + id, dump::close);
                dumps.add(dump);
            }
            still(until, dumps, () -> {
                for (Dump dump : dumps) {
                    dump.takeProcesses(context, until.left());
                    limited(until, () -> dump.takeFiles(making.layers()));
                }
            });
            packing.of(dumps);
        } catch (AccessDeniedException | ReadOnlyFileSystemException e) {
            throw Fault.precondition(until.what, "it may not write there: " + e.getMessage(), "Name another place")
                    .causedBy(e);
        } catch (IOException e) {
            throw DiskFault.of(until.what, e);
        }
    }

    /** When whoever asked does not wait any more. */
    private final class Until {
        final String what;
        private final Duration longest;
        private final long start = context.ticker().nanos();

        Until(String what, Duration limit) {
            this.what = what;
            this.longest = limit.isZero() ? LONGEST : limit;
        }

        Duration left() {
            Duration left = longest.minus(context.ticker().since(start));
            if (left.isPositive()) {
                return left;
            }
            throw late();
        }

        Fault late() {
            return Fault.deadline(what, "it took longer than " + longest.toSeconds() + " s", "Allow more time");
        }
    }

    private interface Work {
        void run() throws IOException, InterruptedException;
    }

    /** Does something that knows of no limit, and breaks it off when the time is over. */
    private static void limited(Until until, Work work) throws IOException, InterruptedException {
        var task = new FutureTask<Void>(() -> {
            work.run();
            return null;
        });
        Thread worker = Thread.ofVirtual().name("files of a checkpoint").start(task);
        try {
            task.get(until.left().toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw until.late().causedBy(e);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException broken) {
                throw broken;
            }
            throw Fault.of(until.what, e);
        } finally {
            worker.interrupt();
            worker.join();
        }
    }

    /** Does something while containers stand still, and has them run again. */
    private void still(Until until, List<Dump> dumps, Work work) throws IOException, InterruptedException {
        try (var thaw = new Rollback()) { // never committed: they run again whatever happens
            for (Dump dump : dumps) {
                String id = dump.container().id();
                thaw.add("pause of container " + id, () -> resumeOrLater(id));
                context.tasks().pause(ContainerRunning.task(id));
            }
            work.run();
        } catch (Fault e) {
            throw e.code() == Fault.Code.NOT_FOUND
                    ? Fault.precondition(until.what, "it ended meanwhile", "").causedBy(e)
                    : e;
        }
    }

    /** What was written down is not worth less because it takes another attempt to let it run. */
    private void resumeOrLater(String id) throws InterruptedException {
        try {
            context.cleaning().run(Kind.PAUSE, id, () -> resume(id));
        } catch (Fault e) {
            LOG.warn("container {} still stands still; it is tried again", id, e);
        }
    }

    /** One that has ended meanwhile, or could not be paused, needs nothing. */
    private void resume(String id) {
        try {
            context.tasks().resume(ContainerRunning.task(id));
        } catch (Fault e) {
            if (e.code() != Fault.Code.NOT_FOUND && e.code() != Fault.Code.FAILED_PRECONDITION) {
                throw e;
            }
        }
    }

    /** The same later, and not in the middle of another checkpoint; with it goes what there is of the one that was begun. */
    private void resumeLater(String id) throws InterruptedException {
        Optional<Container> container = context.ledger().findContainer(id);
        if (container.isPresent()) {
            try (var _ = turns.take(container.get().podId())) {
                resume(id);
                forget(id);
            }
        } else {
            forget(id);
        }
    }

    private void forget(String id) {
        Path noted = folders.of(id).resolve(TARGET);
        try {
            if (Files.isRegularFile(noted, LinkOption.NOFOLLOW_LINKS)) {
                removeParts(Path.of(Files.readString(noted)), id);
            }
        } catch (IOException | InvalidPathException e) {
            LOG.warn("what a checkpoint of container {} has left where it was to be", id, e);
        }
        folders.remove(id);
    }

    /** Of an archive its unfinished copy; of a directory all, unless it is whole. */
    private static void removeParts(Path target, String id) throws IOException {
        Files.deleteIfExists(Dump.part(target, id));
        if (!Files.isDirectory(target, LinkOption.NOFOLLOW_LINKS) || PodDump.isWhole(target)) {
            return;
        }
        List<Path> parts;
        try (Stream<Path> files = Files.list(target)) {
            parts = files.filter(file ->
                            PodDump.isPart(String.valueOf(file.getFileName())) || file.equals(Dump.part(file, id)))
                    .toList();
        }
        for (Path part : parts) {
            Files.deleteIfExists(part);
        }
    }

    private PodDump.Archive pack(Until until, Dump dump, Path target) throws IOException {
        Container container = dump.container();
        String handler = context.ledger().pod(container.podId()).handler();
        return dump.pack(target, sealing, making.spec(container).toJson(), handler, () -> {
            var _ = until.left();
        });
    }

    private void packAll(Until until, Pod pod, List<Dump> dumps, Path target) throws IOException {
        List<Member> members = new ArrayList<>();
        for (Dump dump : dumps) {
            String file = Member.file(members.size());
            PodDump.Archive archive = pack(until, dump, target.resolve(file));
            Container container = dump.container();
            members.add(new Member(container.config().metadata().name(), container.id(), file, archive));
        }
        var metadata = pod.config().metadata();
        new PodDump(pod.id(), metadata.namespace(), metadata.name(), members).write(target, sealing.seal());
        sealing.disk().syncFilesystem(target);
    }

    /** Lets containers run again that a daemon before this one has left standing, and forgets what it had begun. */
    void recover() throws IOException {
        folders.all().forEach(id -> context.cleaning().soon(Kind.PAUSE, id));
    }
}
