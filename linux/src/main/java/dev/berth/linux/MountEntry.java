package dev.berth.linux;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One line of mountinfo.
 *
 * @param id the mount's number, unique while it lives
 * @param parent the number of the mount that it sits on
 * @param device major:minor of the file system
 * @param root the part of the file system that is mounted, {@code /} or a path or for a namespace {@code net:[4026531840]}
 * @param target where it is, seen from the root of the reading thread
 * @param options properties of the mount, {@code ro,nosuid,…}
 * @param propagation optional fields such as {@code shared:5} or {@code master:2}
 * @param type the file system's type
 * @param source what was given as the source
 * @param superOptions options of the file system
 * @see <a href="https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html">proc_pid_mountinfo(5)</a>
 */
public record MountEntry(
        int id,
        int parent,
        String device,
        String root,
        String target,
        List<String> options,
        List<String> propagation,
        String type,
        String source,
        String superOptions) {

    /** Every mount of the calling thread's mount namespace, in the kernel's order. */
    static List<MountEntry> ofThisThread() throws IOException {
        return parse(Files.readAllBytes(Path.of("/proc/thread-self/mountinfo")));
    }

    static List<MountEntry> parse(byte[] mountinfo) {
        List<MountEntry> entries = new ArrayList<>();
        int start = 0;
        for (int i = 0; i < mountinfo.length; i++) {
            if (mountinfo[i] == '\n') {
                MountEntry entry = line(new String(mountinfo, start, i - start, StandardCharsets.ISO_8859_1));
                if (entry != null) {
                    entries.add(entry);
                }
                start = i + 1;
            }
        }
        return entries;
    }

    private static @Nullable MountEntry line(String line) {
        List<String> words = List.of(line.split(" ", -1));
        int dash = words.indexOf("-");
        if (dash < 6 || words.size() < dash + 4) {
            return null; // the table has no such line; a reader must not die of one
        }
        return new MountEntry(
                Integer.parseInt(words.get(0)),
                Integer.parseInt(words.get(1)),
                words.get(2),
                text(words.get(3)),
                text(words.get(4)),
                List.of(words.get(5).split(",", -1)),
                words.subList(6, dash),
                words.get(dash + 1),
                text(words.get(dash + 2)),
                text(words.get(dash + 3)));
    }

    /** Undoes the kernel's octal escapes; the bytes are UTF-8, or shown as well as they can be. */
    private static String text(String field) {
        var bytes = new ByteArrayOutputStream(field.length());
        for (int i = 0; i < field.length(); i++) {
            char c = field.charAt(i);
            if (c == '\\' && i + 3 < field.length()) {
                bytes.write(Integer.parseInt(field, i + 1, i + 4, 8));
                i += 3;
            } else {
                bytes.write(c);
            }
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }
}
