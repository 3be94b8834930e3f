package dev.berth.services;

import com.google.protobuf.Message;
import com.google.protobuf.Parser;
import com.google.protobuf.StringValue;
import dev.berth.kernel.Disk;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Ids;
import dev.berth.kernel.Namespace;
import dev.berth.kernel.Rollback;
import dev.berth.kernel.Ticker;
import dev.berth.linux.DetachedMount;
import dev.berth.linux.MountEntry;
import dev.berth.linux.Mounts;
import dev.berth.linux.Platform;
import dev.berth.store.Store;
import dev.berth.wire.shim.types.ActivationInfo;
import dev.berth.wire.shim.types.ActiveMount;
import dev.berth.wire.shim.types.Mount;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Mounts that clients had us make, each of which a client then binds to where he wants it: they outlive the call and the daemon, and end
 * when somebody says so or with the lease under which they were made. Each has a directory of its own, with one directory for each
 * mount and a record; what has no record was never finished.
 */
final class Activations implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Activations.class);
    private static final Duration BETWEEN_LOOKS = Duration.ofMinutes(1);
    private static final String RECORD = "record";
    private static final int RANDOM_LENGTH = 12;
    private static final FileAttribute<?> OURS_ALONE =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

    /** What was made under one name; the lease is empty if it is bound to none. */
    record Activation(Namespace namespace, String lease, ActivationInfo info, Path directory) {
        private boolean is(Namespace where, String name) {
            return namespace.equals(where) && info.getName().equals(name);
        }
    }

    private final Path root;
    private final Store store;
    private final Disk disk;
    private final InstantSource clock;
    private final Ticker ticker;
    private final ReentrantLock lock = new ReentrantLock();
    private final List<Activation> all = new ArrayList<>();
    private @Nullable Thread watch;

    private Activations(Path root, Store store, Disk disk, InstantSource clock, Ticker ticker) {
        this.root = root;
        this.store = store;
        this.disk = disk;
        this.clock = clock;
        this.ticker = ticker;
    }

    /**
     * Finds again what an earlier daemon made, and takes away what is left of the rest.
     *
     * @param root a directory for them alone; it need not exist
     */
    static Activations open(Path root, Store store, Disk disk, InstantSource clock, Ticker ticker) {
        var activations = new Activations(root, store, disk, clock, ticker);
        try {
            activations.recover();
        } catch (IOException e) {
            LOG.warn("mounts of clients below {} stay as they are: {}", root, e.getMessage());
        }
        return activations;
    }

    private void recover() throws IOException {
        if (!Files.isDirectory(root)) {
            return;
        }
        Set<String> mounted = Mounts.list().stream().map(MountEntry::target).collect(Collectors.toSet());
        for (Path directory : children(root)) {
            Optional<Activation> found = read(directory);
            if (found.isPresent() && isWhole(found.get(), mounted)) {
                all.add(found.get());
            } else {
                remove(directory);
            }
        }
        watchLeases();
    }

    private static boolean isWhole(Activation activation, Set<String> mounted) {
        return activation.info().getActiveList().stream().allMatch(it -> mounted.contains(it.getMountPoint()));
    }

    /**
     * Mounts each of these at a place of its own.
     *
     * @param lease with whose end they go
     * @param wish its name, mounts and labels
     * @return where they are, and what a client is to mount to see the last of them
     * @throws Fault ALREADY_EXISTS; INVALID_ARGUMENT if it has no name or a mount cannot be; NOT_FOUND if there is no such lease
     */
    ActivationInfo activate(Namespace namespace, Optional<String> lease, ActivationInfo wish)
            throws InterruptedException {
        String what = "activate mount " + wish.getName();
        if (wish.getName().isEmpty()) {
            throw Fault.invalid("activate mount", "it has no name", "Give it one");
        }
        endWithLeases();
        lock.lock();
        try (var undo = new Rollback()) {
            if (find(namespace, wish.getName()).isPresent()) {
                throw Fault.alreadyExists(what, "there is one already", "Deactivate it, or choose another name");
            }
            lease.filter(id -> !isThere(namespace, id)).ifPresent(id -> {
                throw Fault.notFound(what, "there is no lease " + id + ", or it has expired", "Make one first");
            });
            Files.createDirectories(root, OURS_ALONE);
            Path directory = Files.createDirectory(root.resolve(Ids.random().substring(0, RANDOM_LENGTH)), OURS_ALONE);
            undo.add("mounts in " + directory, () -> remove(directory));
            ActivationInfo made = mount(wish, directory);
            var activation = new Activation(namespace, lease.orElse(""), made, directory);
            write(activation);
            all.add(activation);
            watchLeases();
            undo.commit();
            return made;
        } catch (IOException e) {
            throw Fault.unavailable(what, String.valueOf(e.getMessage()), "Look at " + root)
                    .causedBy(e);
        } finally {
            lock.unlock();
        }
    }

    private ActivationInfo mount(ActivationInfo wish, Path directory) throws IOException, InterruptedException {
        ActivationInfo.Builder made = wish.toBuilder().clearActive().clearSystem();
        for (Mount each : wish.getSystemList()) {
            Path point =
                    Files.createDirectory(directory.resolve(String.valueOf(made.getActiveCount() + 1)), OURS_ALONE);
            mount(each, point);
            made.addActive(ActiveMount.newBuilder()
                    .setMount(each)
                    .setMountPoint(point.toString())
                    .setMountedAt(Messages.time(clock.instant())));
        }
        String last = made.getActive(made.getActiveCount() - 1).getMountPoint();
        return made.addSystem(Mount.newBuilder().setType("bind").setSource(last).addOptions("rbind"))
                .build();
    }

    private static void mount(Mount mount, Path point) throws InterruptedException {
        try {
            boolean _ = Platform.<Boolean, IOException>call("activate a mount", () -> {
                try (DetachedMount made =
                        Mounts.fromOptions(mount.getType(), mount.getSource(), mount.getOptionsList())) {
                    made.moveTo(point);
                    return true;
                }
            });
        } catch (IOException e) {
            throw Fault.invalid(
                            "mount " + mount.getType() + " " + mount.getSource() + " with " + mount.getOptionsList(),
                            String.valueOf(e.getMessage()),
                            "Ask the snapshotter for its mounts")
                    .causedBy(e);
        }
    }

    /**
     * Unmounts what has this name.
     *
     * @throws Fault NOT_FOUND
     */
    void deactivate(Namespace namespace, String name) {
        lock.lock();
        try {
            end(find(namespace, name).orElseThrow(() -> notFound(name)));
        } catch (IOException e) {
            throw Fault.unavailable("deactivate mount " + name, String.valueOf(e.getMessage()), "Look at " + root)
                    .causedBy(e);
        } finally {
            lock.unlock();
        }
    }

    /**
     * What there is of this name.
     *
     * @throws Fault NOT_FOUND
     */
    ActivationInfo get(Namespace namespace, String name) {
        lock.lock();
        try {
            return find(namespace, name).orElseThrow(() -> notFound(name)).info();
        } finally {
            lock.unlock();
        }
    }

    /** All of a namespace, in the order of their names. */
    List<ActivationInfo> list(Namespace namespace) {
        lock.lock();
        try {
            return all.stream()
                    .filter(it -> it.namespace().equals(namespace))
                    .map(Activation::info)
                    .sorted(Comparator.comparing(ActivationInfo::getName))
                    .toList();
        } finally {
            lock.unlock();
        }
    }

    private Optional<Activation> find(Namespace namespace, String name) {
        return all.stream().filter(it -> it.is(namespace, name)).findFirst();
    }

    private static Fault notFound(String name) {
        return Fault.notFound("mount " + name, "there is none", "");
    }

    /** Unmounts what was made under leases that are gone. */
    void endWithLeases() {
        lock.lock();
        try {
            for (Activation each : List.copyOf(all)) {
                if (!each.lease().isEmpty() && !isThere(each.namespace(), each.lease())) {
                    end(each);
                }
            }
        } catch (IOException e) {
            LOG.warn("a mount whose lease is gone stays for now: {}", e.getMessage());
        } finally {
            lock.unlock();
        }
    }

    private boolean isThere(Namespace namespace, String lease) {
        return store.metadata()
                .read(records -> records.leases().find(namespace, lease))
                .filter(it -> it.expiresAt().isEmpty() || it.expiresAt().get().isAfter(clock.instant()))
                .isPresent();
    }

    private void end(Activation activation) throws IOException {
        remove(activation.directory());
        all.remove(activation);
    }

    /** Leases also expire, or go with their namespace. */
    private void watchLeases() {
        if (watch == null && all.stream().anyMatch(it -> !it.lease().isEmpty())) {
            watch = Thread.ofVirtual().name("mounts of leases").start(this::watch);
        }
    }

    private void watch() {
        try {
            while (true) {
                ticker.sleep(BETWEEN_LOOKS);
                endWithLeases();
            }
        } catch (InterruptedException e) {
            LOG.debug("leases of mounts are no longer watched");
        }
    }

    private void write(Activation activation) throws IOException {
        var bytes = new ByteArrayOutputStream();
        StringValue.of(activation.namespace().name()).writeDelimitedTo(bytes);
        StringValue.of(activation.lease()).writeDelimitedTo(bytes);
        activation.info().writeDelimitedTo(bytes);
        disk.replace(activation.directory().resolve(RECORD), bytes.toByteArray());
    }

    private static Optional<Activation> read(Path directory) {
        try (InputStream in = Files.newInputStream(directory.resolve(RECORD))) {
            var namespace = new Namespace(next(StringValue.parser(), in).getValue());
            String lease = next(StringValue.parser(), in).getValue();
            return Optional.of(new Activation(namespace, lease, next(ActivationInfo.parser(), in), directory));
        } catch (IOException | Fault e) {
            LOG.info("mounts in {} were never finished", directory);
            return Optional.empty();
        }
    }

    private static <T extends Message> T next(Parser<T> parser, InputStream in) throws IOException {
        @Nullable T message = parser.parseDelimitedFrom(in);
        if (message == null) {
            throw new EOFException("the record is cut off");
        }
        return message;
    }

    /** Unmounts all that is mounted in a directory and deletes it; never what lies below a mount: a directory must be empty to go. */
    private static void remove(Path directory) throws IOException {
        for (Path each : children(directory).reversed()) {
            if (Files.isDirectory(each, LinkOption.NOFOLLOW_LINKS)) {
                boolean _ = Mounts.unmountAll(each);
            }
            Files.delete(each);
        }
        Files.delete(directory);
    }

    private static List<Path> children(Path directory) throws IOException {
        try (Stream<Path> children = Files.list(directory)) {
            return children.sorted().toList();
        }
    }

    /** What is mounted stays. */
    @Override
    public void close() {
        lock.lock();
        try {
            if (watch != null) {
                watch.interrupt();
            }
        } finally {
            lock.unlock();
        }
    }
}
