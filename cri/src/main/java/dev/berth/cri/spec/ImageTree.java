package dev.berth.cri.spec;

import dev.berth.kernel.Fault;
import dev.berth.linux.Dir;
import dev.berth.linux.Errno;
import dev.berth.linux.FileStat;
import dev.berth.linux.FileType;
import dev.berth.linux.LinuxException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;

/**
 * What an image holds, as a volume: the directories of its layers, topmost first, or one file. More than one are shown by an
 * overlay, which the runtime mounts in the container, so that the node's table never sees it.
 */
public record ImageTree(List<Path> layers) {
    private static final byte[] OPAQUE = "trusted.overlay.opaque".getBytes(StandardCharsets.US_ASCII);
    private static final int MOST_LINKS = 40;

    /** What mount(2) takes. */
    private static final int LONGEST_OPTIONS = 4000;

    public ImageTree {
        layers = List.copyOf(layers);
    }

    boolean isOne() {
        return layers.size() == 1;
    }

    /**
     * How an overlay is told of them.
     *
     * @throws Fault RESOURCE_EXHAUSTED if they are too many for that
     */
    String lowerDirectories() {
        String option = "lowerdir="
                + String.join(":", layers.stream().map(Path::toString).toList());
        if (option.length() > LONGEST_OPTIONS) {
            throw Fault.of(
                    Fault.Code.RESOURCE_EXHAUSTED,
                    "mount an image of " + layers.size() + " layers as a volume",
                    "the kernel does not take so many",
                    "Build it with fewer layers");
        }
        return option;
    }

    /**
     * A part of the image.
     *
     * @param root the whole image
     * @param path relative; links on its way lead nowhere but into the image
     * @throws Fault INVALID_ARGUMENT for a path that is none or leaves the image; NOT_FOUND if the image does not have it
     */
    public ImageTree below(Dir root, String path) {
        if (path.isEmpty()) {
            return this;
        }
        if (path.startsWith("/")
                || path.indexOf('\0') >= 0
                || Arrays.asList(path.split("/", -1)).contains("..")) {
            throw Fault.invalid(
                    what(path), "it is not a relative path without ..", "Name a directory or a file of the image");
        }
        try {
            List<String> real = resolve(root, path);
            List<Path> found = new ArrayList<>();
            for (Path layer : layers) {
                if (!look(layer, real, found)) {
                    break;
                }
            }
            if (found.isEmpty()) {
                throw missing(path);
            }
            return new ImageTree(found);
        } catch (LinuxException e) {
            throw e.is(Errno.ENOTDIR) || e.is(Errno.ENOENT) ? missing(path).causedBy(e) : unreadable(path, e);
        } catch (IOException e) {
            throw unreadable(path, e);
        }
    }

    private static Fault unreadable(String path, IOException e) {
        return Fault.precondition(
                        what(path), String.valueOf(e.getMessage()), "Look at the node's disk, or pull the image again")
                .causedBy(e);
    }

    /** The names without links. */
    private static List<String> resolve(Dir root, String path) throws IOException {
        Deque<String> todo = new ArrayDeque<>(Arrays.asList(path.split("/", -1)));
        List<String> done = new ArrayList<>();
        int links = 0;
        while (!todo.isEmpty()) {
            String name = todo.pop();
            if (name.equals("..")) {
                if (!done.isEmpty()) {
                    done.removeLast();
                }
            } else if (!name.isEmpty() && !name.equals(".")) {
                try (Dir parent = root.openDir(bytes(String.join("/", done)), Dir.Resolve.IN_ROOT)) {
                    FileStat stat = parent.find(bytes(name));
                    if (stat == null || links > MOST_LINKS) {
                        throw missing(path);
                    }
                    if (stat.type() == FileType.SYMLINK) {
                        links++;
                        String target = new String(parent.readlink(bytes(name)), StandardCharsets.UTF_8);
                        if (target.startsWith("/")) {
                            done.clear();
                        }
                        Arrays.asList(target.split("/", -1)).reversed().forEach(todo::push);
                    } else {
                        done.add(name);
                    }
                }
            }
        }
        return done;
    }

    /** Adds what a layer has there; false if it hides what is below it. */
    private static boolean look(Path layer, List<String> names, List<Path> found) throws IOException {
        boolean open = true;
        Dir at = Dir.open(layer);
        try {
            for (int i = 0; i < names.size(); i++) {
                byte[] name = bytes(names.get(i));
                FileStat stat = at.find(name);
                if (stat == null) {
                    return open;
                }
                if (stat.type() != FileType.DIRECTORY) {
                    boolean file = stat.type() == FileType.REGULAR && i == names.size() - 1 && found.isEmpty();
                    if (file) {
                        found.add(layer.resolve(String.join("/", names)));
                    }
                    return false;
                }
                Dir next = at.openDir(name, Dir.Resolve.IN_ROOT);
                at.close();
                at = next;
                open &= at.xattr(OPAQUE) == null;
            }
            found.add(layer.resolve(String.join("/", names)));
            return open;
        } finally {
            at.close();
        }
    }

    private static byte[] bytes(String name) {
        return name.getBytes(StandardCharsets.UTF_8);
    }

    private static String what(String path) {
        return "sub-path \"" + Shown.of(path) + "\" of an image";
    }

    private static Fault missing(String path) {
        return Fault.notFound(what(path), "the image has no such directory or file", "Correct the volume's sub-path");
    }
}
