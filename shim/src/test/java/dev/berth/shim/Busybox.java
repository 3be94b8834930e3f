package dev.berth.shim;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/** A small root file system made from this machine's own busybox, and bundles that run it. */
final class Busybox {
    private static final List<String> APPLETS = List.of(
            "sh",
            "echo",
            "sleep",
            "cat",
            "ls",
            "true",
            "false",
            "head",
            "id",
            "env",
            "mount",
            "umount",
            "mkdir",
            "touch",
            "hostname",
            "dd",
            "kill",
            "wc",
            "tr",
            "grep",
            "stty",
            "ps",
            "rm",
            "tail",
            "seq",
            "tee",
            "readlink",
            "mkfifo",
            "tty");

    private Busybox() {}

    static void makeRoot(Path root) throws IOException {
        Path program = Path.of("/usr/bin/busybox");
        program = Files.exists(program) ? program : Path.of("/bin/busybox");
        for (String directory : List.of("bin", "proc", "sys", "dev", "tmp", "etc", "usr/bin")) {
            Files.createDirectories(root.resolve(directory));
        }
        Files.copy(program, root.resolve("bin/busybox"));
        for (String applet : APPLETS) {
            Files.createLink(root.resolve("bin").resolve(applet), root.resolve("bin/busybox"));
        }
        for (Path library : libraries()) {
            Path target = root.resolve(library.toString().substring(1));
            Files.createDirectories(target.getParent());
            Files.copy(library.toRealPath(), target);
        }
        Files.writeString(root.resolve("notexec"), "no program");
        Files.createDirectories(root.resolve("tmp/volume"));
    }

    /** The loader and the C library with what busybox needs beside it, where this kind of machine has them. */
    private static List<Path> libraries() {
        String arch = System.getProperty("os.arch").toLowerCase(Locale.ROOT).equals("amd64") ? "x86_64" : "aarch64";
        Path loader =
                arch.equals("x86_64") ? Path.of("/lib64/ld-linux-x86-64.so.2") : Path.of("/lib/ld-linux-aarch64.so.1");
        Path libraries = Path.of("/lib", arch + "-linux-gnu");
        return Stream.of(loader, libraries.resolve("libc.so.6"), libraries.resolve("libresolv.so.2"))
                .filter(Files::exists)
                .toList();
    }

    /** A config.json; fields are added or replaced by {@link Config}. */
    static Config config(String... args) {
        return new Config(List.of(args));
    }

    /** Writes config.json piece by piece. */
    static final class Config {
        private final StringBuilder args = new StringBuilder();
        private String cgroup = "";
        private String mounts = "";
        private String namespaces = "{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"}";
        private String linux = "";
        private String process = "";
        private String more = "";

        private Config(List<String> args) {
            args.forEach(arg -> this.args.append(this.args.isEmpty() ? "" : ",").append(quoted(arg)));
        }

        Config cgroup(String path) {
            cgroup = path;
            return this;
        }

        Config mount(String destination, String type, String source, String... options) {
            StringBuilder list = new StringBuilder();
            for (String option : options) {
                list.append(list.isEmpty() ? "" : ",").append(quoted(option));
            }
            mounts += ",{\"destination\":" + quoted(destination) + ",\"type\":" + quoted(type) + ",\"source\":"
                    + quoted(source) + ",\"options\":[" + list + "]}";
            return this;
        }

        Config namespaces(String json) {
            namespaces = json;
            return this;
        }

        /** Further members of {@code linux}, each with a comma before it. */
        Config linux(String json) {
            linux = json;
            return this;
        }

        /** Further members of {@code process}, each with a comma before it. */
        Config process(String json) {
            process = json;
            return this;
        }

        /** Further members of the config, each with a comma before it. */
        Config more(String json) {
            more = json;
            return this;
        }

        String processJson() {
            return """
                    {"terminal":%s,"user":{"uid":0,"gid":0},"args":[%s],
                     "env":["PATH=/usr/bin:/bin","TERM=xterm"],"cwd":"/",
                     "capabilities":{"bounding":["CAP_KILL","CAP_SYS_ADMIN"],"effective":["CAP_KILL","CAP_SYS_ADMIN"],
                       "permitted":["CAP_KILL","CAP_SYS_ADMIN"]}%s}""".formatted(process.contains("\"terminal\"") ? "true" : "false", args, terminalFree(process));
        }

        private static String terminalFree(String process) {
            return process.replace(",\"terminal\":true", "");
        }

        void write(Path bundle) throws IOException {
            Files.createDirectories(bundle.resolve("rootfs"));
            String json = """
                    {"ociVersion":"1.0.2","process":%s,"root":{"path":"rootfs"},
                     "mounts":[{"destination":"/proc","type":"proc","source":"proc"},
                       {"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","mode=755","size=65536k"]},
                       {"destination":"/dev/pts","type":"devpts","source":"devpts",
                        "options":["nosuid","noexec","newinstance","ptmxmode=0666","mode=0620"]}%s],
                     "linux":{"namespaces":[%s],"cgroupsPath":%s%s}%s}""".formatted(processJson(), mounts, namespaces, quoted(cgroup), linux, more);
            Files.write(bundle.resolve("config.json"), json.getBytes(StandardCharsets.UTF_8));
        }

        private static String quoted(String text) {
            return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n") + "\"";
        }
    }
}
