package dev.berth.verify;

import dev.berth.images.sample.Busybox;
import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.images.sample.LayerBuilder.Layer;
import dev.berth.images.sample.ServedRegistry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;

/**
 * The images that critest asks for, made of this machine's busybox and nginx, under the names that it has built in. What
 * they must hold follows from the specs that use them.
 */
final class CritestImages {
    private static final String E2E = "e2e-test-images/";
    private static final String STAGING = "k8s-staging-cri-tools/";
    private static final String NGINX = """
            daemon off;
            user root;
            pid /var/run/nginx.pid;
            error_log stderr;
            events {}
            http {
              access_log off;
              client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi;
              uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;
              server { listen %d; root /var/www; }
            }
            """;
    /** Blocks SIGTERM and SIGINT, waits for one of them with rt_sigtimedwait, ends with 0. */
    private static final String PAUSE = """
            b80e00000031ff488d352b00000031d241ba080000000f05b880000000488d3d1500000031f631d241ba080000000f05\
            b83c00000031ff0f050240000000000000""";
    /** Asks geteuid, writes "Effective uid: N" and the line's end with one write, ends with 0. */
    private static final String EFFECTIVE_USER = """
            b86b0000000f05488d7c24ffc6070ab90a00000031d2f7f180c23048ffcf881785c075f04883ef0f4889fb488d352500\
            0000b90f000000f3a44889de4889e24829dabf01000000b8010000000f05b83c00000031ff0f05456666656374697665\
            207569643a20""";

    private final ServedRegistry registry;
    private final Layer busybox = Busybox.layer().gzip();

    private CritestImages(ServedRegistry registry) {
        this.registry = registry;
    }

    /**
     * Serves them all, under the hosts whose names these images carry.
     *
     * @param certs where the hosts.toml files of those hosts go
     * @return the reference of one image by its digest
     */
    static String serve(ServedRegistry registry, Path certs) throws IOException {
        for (String host : List.of("registry.k8s.io", "k8s.gcr.io", "gcr.io")) {
            Path folder = Files.createDirectories(certs.resolve(host));
            Files.writeString(folder.resolve("hosts.toml"), """
                    server = "%1$s"
                    [host."%1$s"]
                    capabilities = ["pull", "resolve"]
                    """.formatted("http://" + registry.authority()));
        }
        return serve(registry);
    }

    private static String serve(ServedRegistry registry) {
        var images = new CritestImages(registry);
        images.servers();
        images.single();
        images.users();
        return images.marked();
    }

    private void servers() {
        registry.add(E2E + "busybox", "1.29-2", base().cmd("sh").build());
        Layer nginx = new LayerBuilder()
                .directory("usr/sbin", 0755)
                .program("usr/sbin/nginx", Path.of("/usr/sbin/nginx"))
                .directory("etc/nginx", 0755)
                .directory("var/log", 0755)
                .directory("var/log/nginx", 0755)
                .directory("var/lib/nginx", 0755)
                .file("etc/nginx/nginx.conf", 0644, NGINX.formatted(80))
                .gzip();
        registry.add(E2E + "nginx", "1.14-2", nginx(nginx).build());
        Layer otherPort = new LayerBuilder()
                .file("etc/nginx/nginx.conf", 0644, NGINX.formatted(12003))
                .gzip();
        registry.add(
                STAGING + "hostnet-nginx-amd64",
                "latest",
                nginx(nginx).layer(otherPort).build());
        registry.add(
                E2E + "httpd",
                "2.4.39-4",
                base().cmd("sh", "-c", "echo httpd starting; exec httpd -f -v -p 80 -h /var/www")
                        .build());
    }

    private void single() {
        Layer pause = new LayerBuilder()
                .file("pause", 0755, elf(PAUSE))
                .file("marker", 0644, "3.9\n")
                .gzip();
        var image = new ImageBuilder()
                .layer(pause)
                .entrypoint("/pause")
                .user("65535:65535")
                .build();
        registry.add("pause", "3.9", image);
        Layer user = new LayerBuilder()
                .file("effective-user", 04755, elf(EFFECTIVE_USER))
                .gzip();
        registry.add(
                E2E + "nonewprivs",
                "1.3",
                new ImageBuilder().layer(user).entrypoint("/effective-user").build());
    }

    private void users() {
        Layer group = new LayerBuilder()
                .file("etc/passwd", 0644, "root:x:0:0:root:/root:/bin/sh\ndefault-user:x:1000:1000::/:/bin/sh\n")
                .file(
                        "etc/group",
                        0644,
                        "root:x:0:\ndefault-user:x:1000:\ngroup-defined-in-image:x:50000:default-user\n")
                .gzip();
        registry.add(
                STAGING + "test-image-predefined-group",
                "latest",
                base().layer(group).user("1000").cmd("sh").build());
        for (List<String> each : List.of(
                List.of("uid", "1002"),
                List.of("username", "www-data"),
                List.of("uid-group", "1003:1004"),
                List.of("username-group", "www-data:1004"))) {
            registry.add(
                    STAGING + "test-image-user-" + each.getFirst(),
                    "latest",
                    base().user(each.getLast()).cmd("sh").build());
        }
    }

    private String marked() {
        for (String name : List.of("1", "2", "3", "latest")) {
            registry.add(STAGING + "test-image-" + name, "latest", marked(name));
        }
        registry.add(STAGING + "test-image-tag", "test", marked("tag-test"));
        registry.add(STAGING + "test-image-tag", "all", marked("tag-all"));
        for (String tag : List.of("1", "2", "3")) {
            registry.add(STAGING + "test-image-tags", tag, marked("tags"));
        }
        ImageBuilder.Built digest = marked("digest");
        registry.add(STAGING + "test-image-digest", "latest", digest);
        return "gcr.io/" + STAGING + "test-image-digest@" + digest.target().digest();
    }

    private ImageBuilder base() {
        return new ImageBuilder().layer(busybox);
    }

    private ImageBuilder nginx(Layer layer) {
        return base().layer(layer).cmd("nginx").stopSignal("SIGQUIT");
    }

    /** A small layer of its own makes an id of its own. */
    private ImageBuilder.Built marked(String name) {
        Layer marker = new LayerBuilder().file("marker", 0644, name + "\n").gzip();
        return base().layer(marker).cmd("sh").build();
    }

    /** A static program for x86-64: one segment that holds the header and the code. */
    private static byte[] elf(String code) {
        byte[] text = HexFormat.of().parseHex(code);
        int headers = 64 + 56;
        long base = 0x400000;
        ByteBuffer elf = ByteBuffer.allocate(headers + text.length).order(ByteOrder.LITTLE_ENDIAN);
        elf.putInt(0x464c457f).put(new byte[] {2, 1, 1}).position(16);
        elf.putShort((short) 2).putShort((short) 62).putInt(1); // executable, x86-64
        elf.putLong(base + headers).putLong(64).putLong(0).putInt(0); // entry, program headers, no sections
        elf.putShort((short) 64).putShort((short) 56).putShort((short) 1).position(64);
        elf.putInt(1).putInt(5).putLong(0).putLong(base).putLong(base); // loaded, readable and executable
        elf.putLong(headers + text.length).putLong(headers + text.length).putLong(0x1000);
        return elf.put(text).array();
    }
}
