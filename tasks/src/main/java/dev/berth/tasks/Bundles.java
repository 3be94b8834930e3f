package dev.berth.tasks;

import dev.berth.kernel.Fault;
import dev.berth.linux.Errno;
import dev.berth.linux.Fd;
import dev.berth.linux.Fifo;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Mounts;
import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The directories that tell shims what to run: {@code <state>/bundles/<namespace>/<id>} with config.json, the FIFOs of the
 * task and what the shim adds.
 */
final class Bundles {
    private static final Logger LOG = LoggerFactory.getLogger(Bundles.class);
    private static final String CONFIG = "config.json";
    private static final String ROOTFS = "rootfs";
    private static final String STDIN = "stdin";

    private final Path top;

    Bundles(Path state) {
        this.top = state.resolve("bundles");
    }

    Path of(TaskId task) {
        return top.resolve(task.namespace()).resolve(task.id());
    }

    /**
     * Makes the directory.
     *
     * @throws Fault ALREADY_EXISTS if there is a bundle of that name
     */
    Path create(TaskId task) throws IOException {
        Path bundle = of(task);
        // Others may pass through but not look: the root of a container with a user namespace is below.
        var passable = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx--x--x"));
        Files.createDirectories(bundle.getParent(), passable);
        try {
            Files.createDirectory(bundle, passable);
            Files.createDirectory(bundle.resolve(ROOTFS), passable);
        } catch (FileAlreadyExistsException e) {
            throw Fault.alreadyExists("create task " + task, "it has a bundle at " + bundle, "Delete the task first");
        }
        return bundle;
    }

    /** Writes the spec; last, so that a bundle with a config.json is whole. */
    void writeConfig(Path bundle, byte[] config) throws IOException {
        Path half = bundle.resolve(CONFIG + ".new");
        Files.write(half, config);
        Files.setPosixFilePermissions(half, PosixFilePermissions.fromString("rw-------"));
        Files.move(half, bundle.resolve(CONFIG), StandardCopyOption.ATOMIC_MOVE);
    }

    boolean exists(TaskId task) {
        return Files.isDirectory(of(task));
    }

    /** A FIFO in the bundle, made if it is not there. */
    static Path fifo(Path bundle, String name) throws IOException {
        Path path = bundle.resolve(name);
        try {
            Fifo.create(path, 0600);
        } catch (LinuxException e) {
            if (!e.is(Errno.EEXIST)) {
                throw e;
            }
        }
        return path;
    }

    /** A writer of the FIFO that is a task's standard input; empty if there is no FIFO or nobody reads from it. */
    Optional<Fd> openStdin(TaskId task) {
        try {
            return Optional.of(Fifo.openWriter(of(task).resolve(STDIN)));
        } catch (LinuxException e) {
            if (e.is(Errno.ENOENT) || e.is(Errno.ENXIO)) {
                return Optional.empty();
            }
            throw Fault.internal("write to the input of " + task, String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    /** Nobody can write to a task's standard input any more, but those who do already. */
    void removeStdin(TaskId task) {
        try {
            Files.deleteIfExists(of(task).resolve(STDIN));
        } catch (IOException e) {
            throw Fault.internal("end the input of " + task, String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    /** Removes a bundle; harmless if there is none. A root file system that is mounted there is detached, never emptied. */
    void remove(TaskId task) throws IOException {
        Path bundle = of(task);
        if (!Files.isDirectory(bundle)) {
            return;
        }
        Path rootfs = bundle.resolve(ROOTFS);
        if (Files.isDirectory(rootfs)) {
            Mounts.unmountAll(rootfs);
            Files.delete(rootfs); // fails if something is in it: that would be a container's files
        }
        Files.deleteIfExists(bundle.resolve(CONFIG)); // half a bundle is no bundle
        Files.walkFileTree(bundle, new Remover());
    }

    /** Every bundle that is whole. */
    List<TaskId> list() throws IOException {
        List<TaskId> found = new ArrayList<>();
        if (!Files.isDirectory(top)) {
            return found;
        }
        try (var namespaces = Files.newDirectoryStream(top)) {
            for (Path namespace : namespaces) {
                try (var bundles = Files.newDirectoryStream(namespace)) {
                    for (Path bundle : bundles) {
                        found.add(new TaskId(
                                namespace.getFileName().toString(),
                                bundle.getFileName().toString()));
                    }
                }
            }
        }
        return found;
    }

    /** The directories with the pipes of further processes in a task; none if its bundle is being removed just now. */
    List<Path> execs(TaskId task) throws IOException {
        var found = new ArrayList<Path>();
        try (var directories = Files.newDirectoryStream(of(task), Exec.Pipes.PREFIX + "*")) {
            directories.forEach(found::add);
        } catch (NoSuchFileException gone) {
            LOG.debug("{}: its bundle is gone", task, gone);
        }
        return found;
    }

    private static final class Remover extends SimpleFileVisitor<Path> {
        @Override
        public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
            Files.deleteIfExists(file);
            return FileVisitResult.CONTINUE;
        }

        @Override
        public FileVisitResult visitFileFailed(Path file, IOException why) throws IOException {
            if (why instanceof NoSuchFileException) {
                return FileVisitResult.CONTINUE; // the shim tidies up too
            }
            throw why;
        }

        @Override
        public FileVisitResult postVisitDirectory(Path directory, @org.jspecify.annotations.Nullable IOException why)
                throws IOException {
            if (why != null) {
                throw why;
            }
            try {
                Files.deleteIfExists(directory);
            } catch (DirectoryNotEmptyException e) {
                throw new IOException(directory + " is being filled while it is removed", e);
            }
            return FileVisitResult.CONTINUE;
        }
    }
}
