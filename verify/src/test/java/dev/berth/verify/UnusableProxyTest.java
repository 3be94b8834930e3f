package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.Status;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A node whose environment names a proxy of a kind that is not known: pods run, and only what should go through it fails. */
@ExtendWith(Leaks.class)
class UnusableProxyTest {
    private Berth berth;

    @BeforeEach
    void start() throws IOException, InterruptedException {
        Peers.need("crictl");
        berth = Berth.start();
    }

    @AfterEach
    void stop() throws IOException {
        if (berth != null) {
            berth.close();
        }
    }

    @Test
    void costsOnlyWhatShouldGoThroughIt() throws Exception {
        assertThat(berth.crictl("info").text()).doesNotContain("proxies");
        berth.kill();
        Path launcher = berth.folder().resolve("proxied");
        Files.writeString(launcher, """
                #!/bin/sh
                HTTPS_PROXY=socks5://me:secret@127.0.0.1:1 HTTP_PROXY=http://127.0.0.1:1 NO_PROXY= exec %s "$@"
                """.formatted(Project.ROOT.resolve("berth")));
        Files.setPosixFilePermissions(launcher, PosixFilePermissions.fromString("rwxr-xr-x"));
        berth.launcher(launcher);
        berth.launch();
        assertThat(berth.crictl("info").text())
                .contains("the proxy of HTTPS_PROXY cannot be used", "socks5")
                .doesNotContain("secret");
        assertThat(Files.readString(berth.log()))
                .contains("the proxy of HTTPS_PROXY cannot be used")
                .doesNotContain("secret");
        try (GrpcPods pods = new GrpcPods(berth)) {
            pods.pull(berth.image("busybox"));
            GrpcPods.refused(
                    Status.Code.FAILED_PRECONDITION,
                    () -> pods.pull("registry.invalid/x:1"),
                    "registry registry.invalid: the proxy of HTTPS_PROXY cannot be used",
                    "socks5",
                    "NO_PROXY");
        }
    }
}
