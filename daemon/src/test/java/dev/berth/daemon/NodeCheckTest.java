package dev.berth.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.daemon.NodeCheck.Finding;
import dev.berth.daemon.NodeCheck.Verdict;
import dev.berth.images.registry.RegistrySettings;
import dev.berth.tasks.SupervisorInfo.OciRuntime;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NodeCheckTest {
    @ParameterizedTest
    @CsvSource({
        "6.1.0-13-amd64, OK",
        "6.18.44, OK",
        "7.0.1, OK",
        "6.0.9, MISSING",
        "5.15.0-100-generic, MISSING",
        "strange, MISSING"
    })
    void kernels(String release, Verdict verdict) {
        assertThat(KernelCheck.release(release).verdict()).isEqualTo(verdict);
    }

    @Test
    void whatThisKernelCanDo() throws InterruptedException {
        List<Finding> findings = KernelCheck.look();
        assertThat(findings)
                .extracting(Finding::what)
                .containsExactly(
                        "kernel",
                        "cgroups",
                        "overlayfs",
                        "overlayfs lowerdir+",
                        "fsopen",
                        "user namespaces",
                        "idmapped mounts",
                        "pidfd exit info",
                        "nftables",
                        "seccomp",
                        "pressure (PSI)");
        assertThat(findings).noneMatch(finding -> finding.verdict() == Verdict.MISSING);
        assertThat(findings).allMatch(finding -> !finding.detail().isEmpty());
        assertThat(findings)
                .filteredOn(finding -> finding.what().equals("pidfd exit info"))
                .extracting(Finding::verdict)
                .containsExactly(keepsExits() ? Verdict.OK : Verdict.ABSENT);
    }

    /** Linux 6.15 and later. */
    private static boolean keepsExits() {
        String[] release = System.getProperty("os.version").split("\\D+", 3);
        return Integer.parseInt(release[0]) * 1000 + Integer.parseInt(release[1]) >= 6015;
    }

    @Test
    void aProxyThatCannotBeUsedKeepsNobodyFromRunningPods() {
        assertThat(NodeCheck.proxies(RegistrySettings.DEFAULT)).isEmpty();
        var environment = Map.of("HTTPS_PROXY", "socks5://me:secret@p:1", "HTTP_PROXY", "http://p:1");
        assertThat(NodeCheck.proxies(RegistrySettings.DEFAULT.withEnvironment(environment)))
                .singleElement()
                .satisfies(finding -> {
                    assertThat(finding.verdict()).isEqualTo(Verdict.ABSENT);
                    assertThat(finding.line())
                            .contains("HTTPS_PROXY", "socks5", "NO_PROXY")
                            .doesNotContain("secret");
                });
    }

    @Test
    void oneRuntimeThatWorksIsEnough() {
        var works = new OciRuntime("crun", "/usr/bin/crun", "1.8.1", true, "", "", "");
        var old = new OciRuntime("runc", "/usr/bin/runc", "1.0", false, "it is old", "Install 1.1", "");
        var none = new OciRuntime("runc", "", "", false, "there is no runc in PATH", "Install runc", "");
        assertThat(NodeCheck.finding(works, true).line())
                .isEqualTo("ok       OCI runtime crun         /usr/bin/crun 1.8.1");
        assertThat(NodeCheck.finding(old, true).verdict()).isEqualTo(Verdict.ABSENT);
        assertThat(NodeCheck.finding(old, false).line())
                .isEqualTo("missing  OCI runtime runc         /usr/bin/runc 1.0: it is old. Install 1.1");
        assertThat(NodeCheck.finding(none, false).line()).endsWith("there is no runc in PATH. Install runc");
    }
}
