package dev.berth.cri;

import dev.berth.cri.Cleaning.Kind;
import dev.berth.cri.checkpoint.PodDump;
import dev.berth.cri.checkpoint.PodDump.Member;
import dev.berth.cri.checkpoint.Seal;
import dev.berth.kernel.Disk;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Rollback;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
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

    private final CriContext context;
    private final ContainerMaking making;
    private final ContainerFolders folders;
    private final Seal seal;
    private final Disk disk;
    /** By pod: what one has stand still must not be let go by another. */
    private final Turns turns = new Turns();

    /** @param folders for the time between a container's standing still and its archive's being written */
    Checkpoints(CriContext context, ContainerMaking making, ContainerFolders folders, Seal seal, Disk disk) {
        this.context = context;
        this.making = making;
        this.folders = folders;
        this.seal = seal;
        this.disk = disk;
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
        Path target = target(what, location);
        try (var _ = turns.take(found.podId())) {
            Container container = context.ledger().container(found.id());
            ContainerRunning.requireRunning(what, container);
            Path parent = target.getParent();
            if (parent == null || !Files.isDirectory(parent)) {
                throw Fault.precondition(what, "there is no directory " + parent, "Make it first");
            }
            requireReplaceable(what, target);
            dump(what, List.of(container), limit, dumps -> pack(dumps.getFirst(), target));
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
        requireNoOptions(what, options);
        Path target = target(what, output);
        try (var _ = turns.take(pod.id())) {
            List<Container> containers = chosen(what, pod, containerIds);
            boolean made = makeEmpty(what, target);
            try (var undo = new Rollback()) {
                undo.add("what was written to " + target, () -> empty(target, made));
                dump(what, containers, limit, dumps -> packAll(pod, dumps, target));
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

    private void dump(String what, List<Container> containers, Duration limit, Packing packing)
            throws InterruptedException {
        long start = context.ticker().nanos();
        Duration longest = limit.isZero() ? LONGEST : limit;
        try (var remains = new Rollback()) { // never committed: nothing of this stays
            List<Dump> dumps = new ArrayList<>();
            for (Container container : containers) {
                String id = container.id();
                remains.add("files of the checkpoint of " + id, () -> folders.remove(id));
                dumps.add(new Dump(container, folders.make(id), context.nowNanos()));
            }
            still(what, dumps, () -> {
                for (Dump dump : dumps) {
                    dump.take(context, making, left(what, longest, start));
                }
            });
            packing.of(dumps);
            left(what, longest, start);
        } catch (IOException e) {
            throw unwritable(what, e);
        }
    }

    private static Fault unwritable(String what, IOException e) {
        boolean full = String.valueOf(e.getMessage()).contains("No space left");
        return (full
                        ? Fault.exhausted(what, "the disk is full: " + e.getMessage(), "Make room")
                        : Fault.unavailable(what, String.valueOf(e.getMessage()), "See the system's log"))
                .causedBy(e);
    }

    private Duration left(String what, Duration longest, long start) {
        Duration left = longest.minus(context.ticker().since(start));
        if (left.isPositive()) {
            return left;
        }
        throw Fault.deadline(what, "it took longer than " + longest.toSeconds() + " s", "Allow more time");
    }

    private interface Work {
        void run() throws IOException, InterruptedException;
    }

    /** Does something while containers stand still, and has them run again. */
    private void still(String what, List<Dump> dumps, Work work) throws IOException, InterruptedException {
        try (var thaw = new Rollback()) { // never committed: they run again whatever happens
            for (Dump dump : dumps) {
                String id = dump.container().id();
                thaw.add("pause of container " + id, context.cleaning().step(Kind.PAUSE, id, () -> resume(id)));
                context.tasks().pause(ContainerRunning.task(id));
            }
            work.run();
        } catch (Fault e) {
            throw e.code() == Fault.Code.NOT_FOUND ? endedMeanwhile(what, e) : e;
        }
    }

    private static Fault endedMeanwhile(String what, Fault e) {
        return Fault.precondition(what, "it ended meanwhile", "").causedBy(e);
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

    /** The same later, and not in the middle of another checkpoint. */
    private void resumeLater(String id) throws InterruptedException {
        Optional<Container> container = context.ledger().findContainer(id);
        if (container.isPresent()) {
            try (var _ = turns.take(container.get().podId())) {
                resume(id);
            }
        }
    }

    private void pack(Dump dump, Path target) throws IOException {
        Container container = dump.container();
        String handler = context.ledger().pod(container.podId()).handler();
        dump.pack(target, making.spec(container).toJson(), handler, seal, disk);
    }

    private void packAll(Pod pod, List<Dump> dumps, Path target) throws IOException {
        List<Member> members = new ArrayList<>();
        for (Dump dump : dumps) {
            Container container = dump.container();
            Member member =
                    Member.at(members.size(), container.config().metadata().name(), container.id());
            pack(dump, target.resolve(member.file()));
            members.add(member);
        }
        var metadata = pod.config().metadata();
        new PodDump(pod.id(), metadata.namespace(), metadata.name(), members).write(target, seal);
        disk.syncFilesystem(target);
    }

    /** Lets containers run again that a daemon before this one has left standing, and forgets what it had begun. */
    void recover() throws IOException {
        for (String id : folders.all()) {
            if (context.ledger().hasContainer(id)) {
                LOG.info("container {} was being written down when the last daemon ended; it runs on", id);
                resume(id);
            }
            folders.remove(id);
        }
    }
}
