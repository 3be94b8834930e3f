package dev.berth.linux;

import java.io.IOException;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Files that are mapped into this process: its program, libraries and archives. */
public final class MappedFiles {
    private static final Logger LOG = LoggerFactory.getLogger(MappedFiles.class);
    private static final MethodHandle MADVISE =
            Native.withErrno("madvise", Native.INT, Native.LONG, Native.LONG, Native.INT);
    private static final int DONTNEED = 4;
    private static final int NOHUGEPAGE = 15;
    private static final long WORTH_IT_KIB = 512;

    private MappedFiles() {}

    /** A mapping as the kernel describes it in smaps. */
    record Mapping(
            long start, long end, boolean shared, boolean writable, boolean ofFile, long residentKib, long dirtyKib) {
        /** Whether everything in it can be read again from its file. */
        boolean canBeLetGo() {
            return ofFile && !shared && !writable && dirtyKib == 0 && residentKib >= WORTH_IT_KIB;
        }
    }

    /**
     * Lets go of pages of files that are mapped read-only and are as they are in the file; the next use finds them in the page
     * cache again. The kernel maps whole neighbourhoods at each first touch, so that most of what a program has mapped after its
     * start it never needs again. Nothing is let go where the kernel does not tell what is mapped.
     */
    public static void letGo() {
        try {
            LOG.debug("{} KiB of mapped files are let go", letGoKib());
        } catch (IOException e) {
            LOG.debug("mapped files stay resident", e);
        }
    }

    static long letGoKib() throws IOException {
        long kib = 0;
        for (Mapping mapping : parse(Files.readAllLines(Path.of("/proc/self/smaps")))) {
            if (mapping.canBeLetGo()) {
                advise(mapping, NOHUGEPAGE); // else one touch brings back 2 MiB
                advise(mapping, DONTNEED);
                kib += mapping.residentKib();
            }
        }
        return kib;
    }

    private static void advise(Mapping mapping, int advice) throws LinuxException {
        long length = mapping.end() - mapping.start();
        Native.call("madvise", (memory, errno) -> (int) MADVISE.invokeExact(errno, mapping.start(), length, advice));
    }

    static List<Mapping> parse(List<String> smaps) {
        List<Mapping> mappings = new ArrayList<>();
        String head = "";
        long resident = 0;
        long dirty = 0;
        for (String line : smaps) {
            int colon = line.indexOf(':');
            int dash = line.indexOf('-');
            if (dash > 0 && (colon < 0 || dash < colon)) {
                head = line;
                resident = 0;
                dirty = 0;
            } else if (line.startsWith("Rss:")) {
                resident = kib(line);
            } else if (line.startsWith("Private_Dirty:") || line.startsWith("Anonymous:")) {
                dirty += kib(line);
            } else if (line.startsWith("VmFlags:")) {
                mappings.add(mapping(head, resident, dirty));
            }
        }
        return mappings;
    }

    private static Mapping mapping(String head, long resident, long dirty) {
        String[] words = head.split(" +", 6);
        int dash = words[0].indexOf('-');
        return new Mapping(
                Long.parseUnsignedLong(words[0].substring(0, dash), 16),
                Long.parseUnsignedLong(words[0].substring(dash + 1), 16),
                words[1].charAt(3) == 's',
                words[1].charAt(1) == 'w',
                !words[4].equals("0"),
                resident,
                dirty);
    }

    private static long kib(String line) {
        return Long.parseLong(line.replaceAll("[^0-9]", ""));
    }
}
