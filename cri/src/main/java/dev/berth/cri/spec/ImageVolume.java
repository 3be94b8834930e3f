package dev.berth.cri.spec;

import dev.berth.cri.config.NamespaceOptions;
import dev.berth.kernel.Fault;
import dev.berth.linux.Dir;
import dev.berth.linux.Errno;
import dev.berth.linux.LinuxException;
import dev.berth.oci.RuntimeSpec.Mount;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * A volume that the image declares and nobody else provides: a directory of the container's own, gone with it.
 *
 * @param destination where the container sees it, without {@code ..}
 * @param directory where it is on the node; still to be made and filled with what the image has there
 */
public record ImageVolume(Path destination, Path directory) {
    private static final int MOST = 128;

    /**
     * What an image must not cover: there the runtime and we mount things that confine the container. Images that name these
     * places (those with systemd do) are content with what is there.
     */
    private static final List<Path> OURS = List.of(Path.of("/proc"), Path.of("/sys"), Path.of("/dev"));

    /**
     * The volumes of an image.
     *
     * @param taken destinations that already have a mount
     */
    static List<ImageVolume> of(SpecRequest request, Set<Path> taken) {
        Set<Path> wanted = new TreeSet<>();
        for (String text : request.image().volumePaths()) {
            wanted.add(clean(text));
        }
        wanted.removeIf(v -> taken.contains(v) || isOurs(v));
        if (wanted.size() > MOST) {
            throw Fault.invalid(
                    "create container",
                    "its image declares more than " + MOST + " volumes",
                    "Make an image that declares fewer");
        }
        List<ImageVolume> volumes = new ArrayList<>();
        for (Path destination : wanted) {
            // a name of ours: nothing of the image's word reaches a path of the node
            volumes.add(new ImageVolume(destination, request.volumes().resolve("v" + volumes.size())));
        }
        return List.copyOf(volumes);
    }

    private static boolean isOurs(Path place) {
        return OURS.stream().anyMatch(place::startsWith);
    }

    private static Path clean(String text) {
        Path path;
        try {
            path = Path.of("/").resolve(text).normalize();
        } catch (InvalidPathException e) {
            throw bad(text, "it is not a path").causedBy(e);
        }
        if (path.getNameCount() == 0) {
            throw bad(text, "a volume cannot be there");
        }
        return path;
    }

    /**
     * Makes the directory on the node and copies into it what the image has at the destination. What a failed attempt left
     * there must have been removed before.
     *
     * @param root the image's root, or the container's own before it has run
     * @throws Fault INVALID_ARGUMENT if the image has something else than a directory there, or a tree that is too deep, if there can
     *     be nothing, or if its links lead to what is ours
     */
    public void fill(Dir root) throws IOException {
        try {
            Path place = Path.of(LinkedPlace.of(root, destination.toString()));
            if (isOurs(place)) {
                throw bad(destination.toString(), "links of the image lead to " + Shown.of(place.toString()));
            }
            copy(root);
        } catch (LinuxException e) {
            if (e.is(Errno.ENOTDIR)) {
                throw bad(destination.toString(), "the image has a file there").causedBy(e);
            }
            if (e.is(Errno.ELOOP)) {
                throw bad(destination.toString(), "links of the image lead in a circle there")
                        .causedBy(e);
            }
            if (e.is(Errno.ENAMETOOLONG)) {
                throw bad(destination.toString(), "it is longer than a path can be")
                        .causedBy(e);
            }
            if (!e.is(Errno.ENOENT)) { // an image need not have the directory: the volume is empty then
                throw e;
            }
        }
    }

    private void copy(Dir root) throws IOException {
        Files.createDirectories(directory);
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x")); // whatever our umask
        byte[] path = destination.toString().substring(1).getBytes(StandardCharsets.UTF_8);
        try (Dir from = root.openDir(path, Dir.Resolve.IN_ROOT);
                Dir to = Dir.open(directory)) {
            new TreeCopy(destination.toString()).copy(from, to);
        }
    }

    /** With the image's ids on disk, which a user namespace sees as its own. */
    Mount mount(NamespaceOptions options) {
        return new Mount(
                destination.toString(),
                "bind",
                directory.toString(),
                List.of("rbind", "rprivate", "rw"),
                NamespacePart.users(options),
                NamespacePart.groups(options));
    }

    private static Fault bad(String text, String why) {
        return Fault.invalid("volume \"" + Shown.of(text) + "\" of the image", why, "Correct VOLUME in the image");
    }
}
