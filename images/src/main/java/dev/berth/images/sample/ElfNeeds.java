package dev.berth.images.sample;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * Finds the files that a 64-bit program needs to run: its loader and its shared libraries, and theirs. Reads the program; runs nothing.
 *
 * @see <a href="https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html">System V ABI, ELF</a>
 */
final class ElfNeeds {
    private static final int LOAD = 1;
    private static final int DYNAMIC = 2;
    private static final int INTERPRETER = 3;
    private static final long NEEDED = 1;
    private static final long STRING_TABLE = 5;

    private final Set<Path> files = new TreeSet<>();

    private ElfNeeds() {}

    /** The absolute paths of all that a program needs, links not resolved; empty for a static one. */
    static Set<Path> of(Path program) throws IOException {
        var needs = new ElfNeeds();
        needs.add(program);
        return needs.files;
    }

    private record Segment(int type, long offset, long address, long size) {}

    private void add(Path file) throws IOException {
        ByteBuffer elf = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        if (elf.limit() < 64 || elf.getInt(0) != 0x464c457f || elf.get(4) != 2 || elf.get(5) != 1) {
            throw new IOException(file + " is no 64-bit little-endian program");
        }
        List<Segment> segments = segments(elf);
        for (Segment segment : segments) {
            if (segment.type == INTERPRETER) {
                files.add(Path.of(text(elf, segment.offset)));
            } else if (segment.type == DYNAMIC) {
                for (String name : needed(elf, segment, segments)) {
                    Path library = find(name);
                    if (files.add(library)) {
                        add(library);
                    }
                }
            }
        }
    }

    private static List<Segment> segments(ByteBuffer elf) {
        List<Segment> segments = new ArrayList<>();
        int at = Math.toIntExact(elf.getLong(32));
        int entrySize = elf.getShort(54);
        int count = elf.getShort(56);
        for (int i = 0; i < count; i++, at += entrySize) {
            segments.add(new Segment(elf.getInt(at), elf.getLong(at + 8), elf.getLong(at + 16), elf.getLong(at + 32)));
        }
        return segments;
    }

    private static List<String> needed(ByteBuffer elf, Segment dynamic, List<Segment> segments) throws IOException {
        List<Long> names = new ArrayList<>();
        long table = -1;
        for (long at = dynamic.offset; at < dynamic.offset + dynamic.size; at += 16) {
            long tag = elf.getLong(Math.toIntExact(at));
            long value = elf.getLong(Math.toIntExact(at + 8));
            if (tag == NEEDED) {
                names.add(value);
            } else if (tag == STRING_TABLE) {
                table = offset(value, segments);
            }
        }
        List<String> found = new ArrayList<>();
        for (long name : names) {
            found.add(text(elf, table + name));
        }
        return found;
    }

    private static long offset(long address, List<Segment> segments) throws IOException {
        for (Segment segment : segments) {
            if (segment.type == LOAD && address >= segment.address && address < segment.address + segment.size) {
                return address - segment.address + segment.offset;
            }
        }
        throw new IOException("an address of the program is in none of its segments");
    }

    private static String text(ByteBuffer elf, long offset) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int at = Math.toIntExact(offset); elf.get(at) != 0; at++) {
            bytes.write(elf.get(at));
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }

    private static Path find(String library) throws IOException {
        String triple = System.getProperty("os.arch").equals("aarch64") ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
        return Stream.of("/lib/" + triple, "/usr/lib/" + triple, "/lib64", "/usr/lib64", "/lib", "/usr/lib")
                .map(directory -> Path.of(directory, library))
                .filter(Files::exists)
                .findFirst()
                .orElseThrow(() -> new IOException("the library " + library + " is nowhere"));
    }
}
