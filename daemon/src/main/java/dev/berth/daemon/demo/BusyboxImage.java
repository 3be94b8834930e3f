package dev.berth.daemon.demo;

import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.kernel.Fault;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/** A small image made from this machine's own busybox. */
final class BusyboxImage {
    private static final Path BUSYBOX = Path.of("/bin/busybox");
    private static final List<String> APPLETS = List.of(
            "sh",
            "cat",
            "echo",
            "ls",
            "sleep",
            "ps",
            "id",
            "hostname",
            "httpd",
            "wget",
            "ip",
            "date",
            "mkdir",
            "touch",
            "rm",
            "grep",
            "head",
            "tail",
            "env",
            "true",
            "false",
            "top",
            "mount",
            "df",
            "free",
            "nslookup",
            "ping");

    private BusyboxImage() {}

    /** @throws Fault FAILED_PRECONDITION if there is no busybox */
    static ImageBuilder.Built build() throws IOException {
        if (!Files.isExecutable(BUSYBOX)) {
            throw Fault.precondition("build the demo's image", "there is no " + BUSYBOX, "Install the package busybox");
        }
        var layer = new LayerBuilder();
        for (String directory : List.of("bin", "etc", "lib", "lib64", "proc", "sys", "dev", "root", "var", "www")) {
            layer.directory(directory, 0755);
        }
        layer.directory("tmp", 01777);
        layer.file("bin/busybox", 0755, BUSYBOX);
        APPLETS.forEach(applet -> layer.hardLink("bin/" + applet, "bin/busybox"));
        Set<String> folders = new LinkedHashSet<>();
        for (Path library : libraries(BUSYBOX)) {
            String name = library.toString().substring(1);
            folders(name, folders, layer);
            layer.file(name, 0755, library);
        }
        layer.file("etc/passwd", 0644, "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n");
        layer.file("etc/group", 0644, "root:x:0:\nnogroup:x:65534:\n");
        layer.file("www/index.html", 0644, "ahoy from the berth\n");
        return new ImageBuilder().layer(layer.gzip()).env("PATH=/bin").cmd("sh").build();
    }

    private static void folders(String name, Set<String> made, LayerBuilder layer) {
        for (int slash = name.indexOf('/'); slash >= 0; slash = name.indexOf('/', slash + 1)) {
            String folder = name.substring(0, slash);
            if (made.add(folder) && !folder.equals("lib") && !folder.equals("lib64")) {
                layer.directory(folder, 0755);
            }
        }
    }

    /**
     * The libraries that a program is linked with, found where the dynamic loader's own cache of names says, without
     * running the program.
     */
    private static Set<Path> libraries(Path program) throws IOException {
        var found = new LinkedHashSet<Path>();
        collect(program, found);
        return found;
    }

    private static void collect(Path binary, Set<Path> found) throws IOException {
        // Names of libraries stand as plain text in an ELF file; this is enough for libc's own family.
        String text = new String(Files.readAllBytes(binary), StandardCharsets.ISO_8859_1);
        var names = Pattern.compile(
                        "(/lib64/ld-linux[-.\\w]*|/lib/ld-linux[-.\\w]*|lib(?:c|resolv|m|crypt)\\.so\\.\\d+)")
                .matcher(text)
                .results()
                .map(match -> match.group(1))
                .distinct()
                .toList();
        for (String name : names) {
            Path library = locate(name);
            if (library != null && found.add(library)) {
                collect(library, found);
            }
        }
    }

    private static @org.jspecify.annotations.Nullable Path locate(String name) throws IOException {
        if (name.startsWith("/")) {
            return Files.exists(Path.of(name)) ? Path.of(name) : null;
        }
        for (String folder :
                List.of("/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/lib64", "/lib", "/usr/lib64")) {
            Path library = Path.of(folder, name);
            if (Files.exists(library)) {
                return library;
            }
        }
        return null;
    }
}
