package dev.berth.images.sample;

import dev.berth.kernel.Fault;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * A small image made of this machine's own busybox: the program, the libraries that it needs, a hard link for each applet (over a
 * symbolic link one could not mount without hiding busybox itself), and the few files that every system has.
 */
public final class Busybox {
    private static final List<Path> PROGRAMS = List.of(Path.of("/bin/busybox"), Path.of("/usr/bin/busybox"));
    private static final String APPLETS = """
            [ ash awk base64 basename brctl cat chgrp chmod chown chroot cmp cp cut date dd df diff dirname
            dmesg du echo egrep env expr false find free fsync getopt grep groups gunzip gzip head hostname
            httpd id ifconfig ip ipcalc kill killall less ln ls md5sum mkdir mkfifo mknod mktemp more mount
            mv nc netstat nice nohup nproc nslookup od pidof ping ping6 printf ps pwd readlink realpath
            renice rev rm rmdir route sed seq setsid sh sha256sum sleep sort stat stty su sync sysctl tail
            tar tee telnet test time timeout top touch tr traceroute true truncate tty umount uname uniq
            unlink uptime usleep vi wc wget which who whoami xargs yes zcat
            """;
    private static final String PASSWD = """
            root:x:0:0:root:/root:/bin/sh
            daemon:x:1:1:daemon:/:/bin/false
            www-data:x:33:33:www-data:/var/www:/bin/false
            nobody:x:65534:65534:nobody:/:/bin/false
            """;
    private static final String GROUP = """
            root:x:0:
            daemon:x:1:
            wheel:x:10:root
            www-data:x:33:
            nogroup:x:65534:
            """;
    /** Busybox has neither; both are asked for in tests of runtimes. */
    private static final String PGREP = """
            #!/bin/sh
            found=1
            for comm in /proc/[0-9]*/comm; do
              if [ "$(cat "$comm" 2>/dev/null)" = "$1" ]; then
                pid=${comm#/proc/}; echo "${pid%/comm}"; found=0
              fi
            done
            exit $found
            """;

    private static final String IPCS = """
            #!/bin/sh
            cat /proc/sysvipc/shm
            """;

    private Busybox() {}

    /**
     * The file system, as one layer.
     *
     * @throws Fault FAILED_PRECONDITION if this machine has no busybox
     */
    public static LayerBuilder layer() {
        Path program = PROGRAMS.stream()
                .filter(Files::isExecutable)
                .findFirst()
                .orElseThrow(() -> Fault.precondition(
                        "make a busybox image", "this machine has no /bin/busybox", "Run: apt-get install busybox"));
        LayerBuilder layer = new LayerBuilder();
        for (String name : List.of(
                "bin", "dev", "etc", "home", "lib", "lib64", "proc", "root", "run", "sbin", "sys", "usr", "usr/bin",
                "usr/lib", "var", "var/lib", "var/run", "var/www")) {
            layer.directory(name, 0755);
        }
        layer.directory("tmp", 01777).directory("var/tmp", 01777);
        layer.program("bin/busybox", program);
        for (String applet : APPLETS.strip().split("\\s+", -1)) {
            layer.hardLink("bin/" + applet, "bin/busybox");
        }
        layer.file("bin/pgrep", 0755, PGREP).file("bin/ipcs", 0755, IPCS);
        layer.file("etc/passwd", 0644, PASSWD).file("etc/group", 0644, GROUP);
        layer.file("etc/hostname", 0644, "busybox\n").file("var/www/index.html", 0644, "It works.\n");
        return layer;
    }

    /** The image: that layer, and {@code sh} as what it runs. */
    public static ImageBuilder image() {
        return new ImageBuilder().layer(layer().gzip()).cmd("sh");
    }
}
