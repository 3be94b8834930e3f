package dev.berth.cri;

import dev.berth.cri.spec.ImageVolume;
import dev.berth.kernel.Fault;
import dev.berth.linux.Dir;
import dev.berth.linux.Dir.Resolve;
import dev.berth.linux.FileStat;
import dev.berth.linux.LinuxException;
import dev.berth.linux.RegularFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Directories for the volumes that an image declares: the container's own, filled with what the image has there. */
final class ImageVolumes {
    private static final int MOST_DEPTH = 200;

    private ImageVolumes() {}

    /** Makes and fills the directories; names and links of the image never lead out of either tree. */
    static void fill(List<ImageVolume> volumes, RootView image) {
        for (ImageVolume volume : volumes) {
            try {
                Files.createDirectories(
                        volume.directory().getParent(),
                        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx--x--x")));
                Files.createDirectory(volume.directory());
                try (Dir to = Dir.open(volume.directory());
                        Dir from = image.directory(volume.destination())) {
                    copyContent(from, to);
                }
            } catch (IOException e) {
                throw Fault.internal(
                                "fill the image's volume " + volume.destination(), String.valueOf(e.getMessage()), "")
                        .causedBy(e);
            }
        }
    }

    /** Removes a container's folder of volumes, whatever is in it. May be repeated. */
    static void remove(Path folder) {
        if (!Files.isDirectory(folder)) {
            return;
        }
        try (Dir parent = Dir.open(Objects.requireNonNull(folder.getParent()))) {
            parent.removeTree(folder.getFileName().toString().getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw Fault.internal("remove " + folder, String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    private static void copyContent(@Nullable Dir from, Dir to) throws IOException {
        if (from == null) {
            to.chmod(0755);
            return;
        }
        copy(from, to, 0);
    }

    private static void copy(Dir from, Dir to, int depth) throws IOException {
        if (depth > MOST_DEPTH) {
            throw new IOException("directories deeper than " + MOST_DEPTH);
        }
        for (Dir.Entry entry : from.entries()) {
            copyEntry(from, to, entry.name(), depth);
        }
        FileStat stat = from.stat();
        to.chown(stat.uid(), stat.gid());
        to.chmod(stat.permissions());
    }

    private static void copyEntry(Dir from, Dir to, byte[] name, int depth) throws IOException {
        FileStat stat = from.stat(name);
        switch (stat.type()) {
            case DIRECTORY -> {
                to.mkdir(name, 0700);
                try (Dir inner = from.openDir(name, Resolve.NO_LINKS);
                        Dir made = to.openDir(name, Resolve.NO_LINKS)) {
                    copy(inner, made, depth + 1);
                }
            }
            case REGULAR -> copyFile(from, to, name, stat);
            case SYMLINK -> {
                to.symlink(from.readlink(name), name);
                to.chown(name, stat.uid(), stat.gid());
            }
            default -> {
                to.mknod(name, stat.type(), stat.permissions(), stat.rdev());
                to.chown(name, stat.uid(), stat.gid());
            }
        }
    }

    private static void copyFile(Dir from, Dir to, byte[] name, FileStat stat) throws IOException {
        try (RegularFile source = from.read(name);
                RegularFile target = to.create(name, 0600)) {
            if (!clone(source, target)) {
                target.copyOf(source);
            }
            target.chown(stat.uid(), stat.gid());
            target.chmod(stat.permissions());
        }
    }

    private static boolean clone(RegularFile source, RegularFile target) throws LinuxException {
        return target.cloneOf(source);
    }
}
