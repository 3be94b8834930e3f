package dev.berth.cri.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.cri.config.ContainerConfig.Propagation;
import dev.berth.cri.config.ContainerConfig.VolumeMount;
import dev.berth.cri.config.SelinuxOptions;
import dev.berth.cri.spec.SelinuxPolicy.Labels;
import dev.berth.kernel.Fault;
import dev.berth.linux.Dir;
import dev.berth.oci.RuntimeSpec;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Labels as a node with SELinux would get them. The attribute itself can be written on any kernel; what it means, only one with that
 * module knows.
 */
class SelinuxPolicyTest {
    private static final byte[] ATTRIBUTE = "security.selinux".getBytes(StandardCharsets.US_ASCII);
    private static final SelinuxPolicy ON = new SelinuxPolicy(
            true,
            new SelinuxOptions("system_u", "system_r", "container_t", "s0"),
            new SelinuxOptions("system_u", "object_r", "container_file_t", "s0"));

    @TempDir
    Path folder;

    @Test
    void anSelinuxLabelIsItsParts() {
        var whole = new SelinuxOptions("u", "r", "t", "s0:c1,c2");
        assertThat(ON.labels(whole, false, "p"))
                .isEqualTo(new Labels("u:r:t:s0:c1,c2", "system_u:object_r:container_file_t:s0:c1,c2"));
        assertThat(ON.labels(new SelinuxOptions("", "", "", "s0:c7,c9"), false, "p")
                        .process())
                .as("the kubelet often names the level alone")
                .isEqualTo("system_u:system_r:container_t:s0:c7,c9");
        assertThat(SelinuxPolicy.OFF.labels(whole, false, "p"))
                .as("no such module")
                .isEqualTo(Labels.NONE);
        assertThat(ON.labels(whole, true, "p"))
                .as("privileged")
                .isEqualTo(new Labels(null, "system_u:object_r:container_file_t:s0:c1,c2"));
        assertThatThrownBy(() -> ON.labels(new SelinuxOptions("u", "r", "t\nx", ""), false, "p"))
                .isInstanceOf(Fault.class);
    }

    @Test
    void podsThatNameNoLevelHaveOneOfTheirOwn() {
        String one = Objects.requireNonNull(ON.labels(null, false, "pod-1").process());
        assertThat(one).matches("system_u:system_r:container_t:s0:c\\d{1,4},c\\d{1,4}");
        assertThat(ON.labels(null, false, "pod-1").process()).isEqualTo(one);
        assertThat(ON.labels(null, false, "pod-2").process()).isNotEqualTo(one);
        for (String pod : List.of("", "a", "aa", "polygenelubricants")) { // the last one's hash is the least there is
            var level = Pattern.compile(":c(\\d+),c(\\d+)$")
                    .matcher(Objects.requireNonNull(ON.labels(null, false, pod).process()));
            assertThat(level.find()).as(pod).isTrue();
            assertThat(Integer.parseInt(level.group(1))).isLessThan(Integer.parseInt(level.group(2)));
            assertThat(Integer.parseInt(level.group(2))).isLessThanOrEqualTo(1023);
        }
    }

    @Test
    void thePolicysOwnContextsAreRead() throws IOException {
        assertThat(SelinuxPolicy.read(folder)).isEqualTo(SelinuxPolicy.OFF);
        write("sys/fs/selinux/enforce", "1");
        assertThat(SelinuxPolicy.read(folder)).isEqualTo(ON);
        write("etc/selinux/config", "# SELINUXTYPE=x\nSELINUX=enforcing\nSELINUXTYPE=mls\n");
        write("etc/selinux/mls/contexts/lxc_contexts", """
                process = "a_u:a_r:a_t:s1"
                file = "b_u:b_r:b_t:s1"
                """);
        assertThat(SelinuxPolicy.read(folder)
                        .labels(new SelinuxOptions("", "", "x_t", ""), false, "p")
                        .process())
                .startsWith("a_u:a_r:x_t:s1:c");
        assertThat(SelinuxPolicy.read(folder)
                        .labels(new SelinuxOptions("", "", "", "s2"), false, "p")
                        .mount())
                .isEqualTo("b_u:b_r:b_t:s2");
    }

    private void write(String name, String text) throws IOException {
        Path file = folder.resolve(name);
        Files.createDirectories(Objects.requireNonNull(file.getParent()));
        Files.writeString(file, text);
    }

    private static String label(Path file) throws IOException {
        try (Dir directory = Dir.open(Objects.requireNonNull(file.getParent()))) {
            byte[] value = directory.xattr(
                    Objects.requireNonNull(file.getFileName()).toString().getBytes(StandardCharsets.UTF_8), ATTRIBUTE);
            return value == null ? "" : new String(value, StandardCharsets.UTF_8);
        }
    }

    @Test
    void aVolumeIsRelabelledIfThatIsAsked() throws IOException {
        write("volume/inner/deep/file", "");
        write("other/file", "");
        Files.createSymbolicLink(folder.resolve("volume/link"), folder.resolve("other"));
        write("files/hosts", "");
        RuntimeSpec spec = build("volume", true);
        String mount = Objects.requireNonNull(spec.needLinux().mountLabel());
        assertThat(mount).isEqualTo("system_u:object_r:container_file_t:s0:c3,c4");
        assertThat(spec.needProcess().selinuxLabel()).isEqualTo("system_u:system_r:container_t:s0:c3,c4");
        for (String each : List.of("volume", "volume/inner", "volume/inner/deep/file", "volume/link", "files/hosts")) {
            assertThat(label(folder.resolve(each))).as(each).isEqualTo(mount);
        }
        assertThat(label(folder.resolve("other"))).as("a link is not followed").isEmpty();
        build("other", false);
        assertThat(label(folder.resolve("other/file"))).isEmpty();
        build("other/file", true);
        assertThat(label(folder.resolve("other/file"))).isEqualTo(mount);
        assertThat(label(folder.resolve("other"))).isEmpty();
    }

    @Test
    void theNodesOwnDirectoriesKeepTheirLabels() {
        for (String each : List.of("/", "/etc", "/usr", "/var/lib")) {
            assertThatThrownBy(() -> Relabelling.of(Path.of(each), "a:b:c"))
                    .isInstanceOfSatisfying(
                            Fault.class, f -> assertThat(f.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT));
        }
    }

    private RuntimeSpec build(String volume, boolean relabel) throws IOException {
        Requests with = new Requests();
        with.files = folder.toRealPath().resolve("files");
        with.podSelinux = new SelinuxOptions("", "", "", "s0:c3,c4");
        with.mounts.add(new VolumeMount(
                "/v",
                folder.toRealPath().resolve(volume).toString(),
                false,
                relabel,
                Propagation.PRIVATE,
                List.of(),
                List.of(),
                false,
                null,
                "",
                List.of()));
        return build(with);
    }

    private static RuntimeSpec build(Requests with) {
        return new SpecBuilder(new HostFacts(Set.of(), -1000, false, ON, false, true, true, "amd64"), Requests.CGROUPFS)
                .build(with.request())
                .spec();
    }

    @Test
    void aContainersOwnLabelGoesBeforeItsPods() throws IOException {
        write("files/hosts", "");
        Requests with = new Requests();
        with.files = folder.toRealPath().resolve("files");
        with.podSelinux = new SelinuxOptions("", "", "", "s0:c3,c4");
        with.security().selinux = new SelinuxOptions("u", "r", "t", "s0:c5,c6");
        RuntimeSpec spec = build(with);
        assertThat(spec.needProcess().selinuxLabel()).isEqualTo("u:r:t:s0:c5,c6");
        assertThat(spec.needLinux().mountLabel()).isEqualTo("system_u:object_r:container_file_t:s0:c5,c6");
    }
}
