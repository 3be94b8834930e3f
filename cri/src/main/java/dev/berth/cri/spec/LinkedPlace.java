package dev.berth.cri.spec;

import dev.berth.linux.Dir;
import dev.berth.linux.Errno;
import dev.berth.linux.LinuxException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;

/**
 * Where a path leads in a tree of an image, as an OCI runtime will follow it: links stay within the tree, and what is not there is taken
 * as it is written. The kernel cannot be asked, because a link may lead to what only the runtime will make.
 */
final class LinkedPlace {
    private static final int MOST_LINKS = 40; // as the kernel has it

    /** One character for each byte: names of files are bytes. */
    private static final Charset BYTES = StandardCharsets.ISO_8859_1;

    private final Dir root;
    private final Deque<String> ahead = new ArrayDeque<>();
    private final List<String> at = new ArrayList<>();
    private int links;

    private LinkedPlace(Dir root) {
        this.root = root;
    }

    /**
     * The place, as an absolute path without links.
     *
     * @throws LinuxException ELOOP for a circle of links, ENAMETOOLONG
     */
    static String of(Dir root, String path) throws LinuxException {
        LinkedPlace place = new LinkedPlace(root);
        place.push(new String(path.getBytes(StandardCharsets.UTF_8), BYTES));
        while (!place.ahead.isEmpty()) {
            place.step(place.ahead.pop());
        }
        return new String(("/" + String.join("/", place.at)).getBytes(BYTES), StandardCharsets.UTF_8);
    }

    private void push(String path) {
        if (path.startsWith("/")) {
            at.clear();
        }
        List<String> parts = new ArrayList<>(List.of(path.split("/", -1)));
        Collections.reverse(parts);
        parts.stream().filter(part -> !part.isEmpty() && !part.equals(".")).forEach(ahead::push);
    }

    private void step(String name) throws LinuxException {
        if (name.equals("..")) {
            if (!at.isEmpty()) {
                at.removeLast();
            }
            return;
        }
        String target = target(name);
        if (target.isEmpty()) {
            at.add(name);
        } else if (++links > MOST_LINKS) {
            throw new LinuxException("follow links to " + name, Errno.ELOOP);
        } else {
            push(target);
        }
    }

    /** What a name here links to; empty if it is no link, or not there. */
    private String target(String name) throws LinuxException {
        try (Dir here = root.openDir(String.join("/", at).getBytes(BYTES), Dir.Resolve.NO_LINKS)) {
            return new String(here.readlink(name.getBytes(BYTES)), BYTES);
        } catch (LinuxException e) {
            if (e.is(Errno.ENOENT) || e.is(Errno.EINVAL) || e.is(Errno.ENOTDIR)) {
                return "";
            }
            throw e;
        }
    }
}
