package dev.berth.linux;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.linux.MappedFiles.Mapping;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MappedFilesTest {
    private static final int SIZE = 4 << 20;

    @TempDir
    Path folder;

    private Mapping mappingOf(Path file) throws Exception {
        List<String> smaps = Files.readAllLines(Path.of("/proc/self/smaps"));
        int at = 0;
        while (!smaps.get(at).endsWith(file.toString())) {
            at++;
        }
        return MappedFiles.parse(smaps.subList(at, smaps.size())).getFirst();
    }

    @Test
    void pagesThatAreInTheFileGoAndComeBack() throws Exception {
        byte[] content = new byte[SIZE];
        Arrays.fill(content, (byte) 7);
        Path file = Files.write(folder.resolve("file"), content);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            var kept = channel.map(FileChannel.MapMode.PRIVATE, 0, SIZE); // copy on write: private, writable
            kept.put(0, (byte) 8);
            assertThat(mappingOf(file).canBeLetGo()).isFalse();
            MappedFiles.letGoKib();
            assertThat(kept.get(0)).isEqualTo((byte) 8);
        }
    }

    @Test
    void theProgramGoesOnWithoutItsPages() throws Exception {
        long first = MappedFiles.letGoKib();
        assertThat(first).isGreaterThan(1 << 10); // the JVM's own library at least
        assertThat(residentOfJvm()).isLessThan(first);
    }

    private static long residentOfJvm() throws Exception {
        return MappedFiles.parse(Files.readAllLines(Path.of("/proc/self/smaps"))).stream()
                .filter(Mapping::ofFile)
                .filter(mapping -> !mapping.writable() && !mapping.shared())
                .mapToLong(Mapping::residentKib)
                .sum();
    }

    @Test
    void onlyCleanReadOnlyPagesOfFilesMayGo() {
        String text = """
                7f0000000000-7f0000400000 r--p 00000000 08:01 42 /x/a.aot
                Rss:                4096 kB
                Private_Dirty:         0 kB
                Anonymous:             0 kB
                VmFlags: rd mr mw me
                7f0000400000-7f0000800000 rw-p 00000000 08:01 42 /x/a.aot
                Rss:                4096 kB
                Private_Dirty:         0 kB
                Anonymous:             0 kB
                VmFlags: rd wr mr mw me
                7f0000800000-7f0000c00000 r--p 00000000 08:01 42 /x/a.aot
                Rss:                4096 kB
                Private_Dirty:         4 kB
                Anonymous:             4 kB
                VmFlags: rd mr mw me
                7f0000c00000-7f0001000000 r--p 00000000 00:00 0
                Rss:                4096 kB
                Private_Dirty:         0 kB
                Anonymous:             0 kB
                VmFlags: rd mr mw me
                7f0001000000-7f0001400000 r--s 00000000 08:01 42 /x/a.aot
                Rss:                4096 kB
                Private_Dirty:         0 kB
                Anonymous:             0 kB
                VmFlags: rd mr mw me
                """;
        List<Mapping> mappings = MappedFiles.parse(text.lines().toList());
        assertThat(mappings.stream().map(Mapping::canBeLetGo)).containsExactly(true, false, false, false, false);
        assertThat(mappings.getFirst().end() - mappings.getFirst().start()).isEqualTo(4 << 20);
    }
}
