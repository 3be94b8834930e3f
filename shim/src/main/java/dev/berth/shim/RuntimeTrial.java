package dev.berth.shim;

import dev.berth.linux.ExitStatus;
import dev.berth.linux.Pidfd;
import dev.berth.linux.cgroup.Cgroup;
import dev.berth.linux.cgroup.Cgroups;
import dev.berth.oci.LinuxSpec;
import dev.berth.oci.RuntimeSpec;
import dev.berth.shim.runtime.Launcher;
import dev.berth.shim.runtime.OciRuntime;
import dev.berth.shim.runtime.RuntimeProgram;
import dev.berth.shim.runtime.Runtimes;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Objects;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A trial of an OCI runtime: a whole container from create to delete, in the way in which all containers are made here. Its
 * only program is written byte by byte, so that nothing of the host is needed, and returns {@value #EXPECTED}.
 */
final class RuntimeTrial implements Runtimes.Trial {
    private static final int EXPECTED = 42;
    private static final Duration LIMIT = Duration.ofSeconds(20);
    private static final Duration TIDY_LIMIT = Duration.ofSeconds(2);
    private static final String PREFIX = "trial";
    private static final Logger LOG = LoggerFactory.getLogger(RuntimeTrial.class);

    /** ELF header and one loadable segment for a program of 16 bytes at 0x400078; machine and code are filled in. */
    private static final String ELF =
            "7f454c4602010100" + "0000000000000000" + "0200%s01000000" + "7800400000000000" + "4000000000000000"
                    + "0000000000000000" + "0000000040003800" + "0100000000000000" + "0100000005000000"
                    + "0000000000000000" + "0000400000000000" + "0000400000000000" + "8800000000000000"
                    + "8800000000000000" + "0010000000000000" + "%s";

    /** mov edi, 42; mov eax, 60 (exit); syscall; padding. */
    private static final String X86 = "3e00";

    private static final String X86_CODE = "bf2a000000" + "b83c000000" + "0f05" + "90909090";

    /** mov x0, #42; mov x8, #93 (exit); svc #0; padding. */
    private static final String ARM = "b700";

    private static final String ARM_CODE = "400580d2" + "a80b80d2" + "010000d4" + "1f2003d5";

    private final Path scratch;
    private final Births births;

    RuntimeTrial(Path scratch, Births births) {
        this.scratch = scratch;
        this.births = births;
    }

    /** Takes away what a supervisor left that was killed while it tried its runtimes or asked them something. */
    static void tidy(Path scratch, Cgroups cgroups) throws InterruptedException {
        try (DirectoryStream<Path> left = Files.newDirectoryStream(scratch)) {
            for (Path place : left) {
                if (Files.isDirectory(place)) {
                    tidyOne(place, cgroups);
                } else {
                    Files.delete(place);
                }
            }
        } catch (IOException | DirectoryIteratorException e) {
            LOG.warn("what earlier trials of runtimes left cannot be found", e);
        }
    }

    private static void tidyOne(Path place, Cgroups cgroups) throws IOException, InterruptedException {
        try {
            endContainer(place.resolve("config.json"), cgroups);
        } catch (IOException | RuntimeException e) {
            LOG.warn("the container of an earlier trial of a runtime in {}", place, e);
        }
        StateDir.removeTree(place);
    }

    private static void endContainer(Path config, Cgroups cgroups) throws IOException, InterruptedException {
        if (Files.exists(config)) {
            LinuxSpec container =
                    RuntimeSpec.fromJson(Files.readAllBytes(config)).needLinux();
            Cgroup cgroup = cgroups.cgroup(Objects.requireNonNull(container.cgroupsPath()));
            cgroup.kill(TIDY_LIMIT);
            cgroup.remove(TIDY_LIMIT);
        }
    }

    @Override
    public void run(RuntimeProgram program) throws IOException, InterruptedException {
        Path place = Files.createTempDirectory(scratch, PREFIX);
        String id = place.getFileName() + "-" + ProcessHandle.current().pid(); // a runtime's name may be a path
        OciRuntime runtime =
                new OciRuntime(program, program.path(), place.resolve("oci"), place, OciRuntime.Cgroups.RUNTIME);
        Launcher launcher = births.of(program.kind(), null);
        try {
            writeBundle(place, id);
            run(runtime, id, place, launcher);
        } finally {
            runtime.delete(id, true, launcher);
            StateDir.removeTree(place);
        }
    }

    private static void run(OciRuntime runtime, String id, Path bundle, Launcher launcher)
            throws IOException, InterruptedException {
        var create = new OciRuntime.Create(id, bundle, bundle.resolve("pid"), null, false, false);
        int pid = runtime.create(create, "/program", Launcher.Streams.NONE, launcher);
        try (Pidfd process = Pidfd.open(pid)) {
            runtime.start(id, launcher);
            Optional<ExitStatus> status = process.awaitAndReap(LIMIT);
            if (!status.equals(Optional.of(new ExitStatus(EXPECTED, 0)))) {
                throw new IOException("its container ended with " + status + " and not with " + EXPECTED);
            }
        }
    }

    private static void writeBundle(Path bundle, String id) throws IOException {
        Path root = Files.createDirectories(bundle.resolve("rootfs"));
        Files.createDirectory(root.resolve("proc"));
        Files.createDirectory(root.resolve("dev"));
        boolean x86 = System.getProperty("os.arch").equals("amd64");
        String program = x86 ? ELF.formatted(X86, X86_CODE) : ELF.formatted(ARM, ARM_CODE);
        Files.write(root.resolve("program"), HexFormat.of().parseHex(program));
        Files.setPosixFilePermissions(root.resolve("program"), PosixFilePermissions.fromString("rwx------"));
        Files.writeString(bundle.resolve("config.json"), """
                {"ociVersion":"1.0.0","process":{"user":{"uid":0,"gid":0},"args":["/program"],"cwd":"/"},
                 "root":{"path":"rootfs"},"mounts":[{"destination":"/proc","type":"proc","source":"proc"},
                   {"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","mode=755"]}],
                 "linux":{"cgroupsPath":"/berth-%s","namespaces":[{"type":"pid"},{"type":"mount"},{"type":"ipc"},
                   {"type":"uts"},{"type":"network"}]}}""".formatted(id));
    }
}
