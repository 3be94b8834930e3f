package dev.berth.cri.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.cri.config.ContainerConfig.Capabilities;
import dev.berth.kernel.Fault;
import dev.berth.oci.ProcessSpec;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class CapabilityTest {
    private static final Set<String> OURS = withoutResource();

    private static Set<String> withoutResource() {
        Set<String> ours = new HashSet<>(Capability.NAMES);
        ours.remove("CAP_SYS_RESOURCE");
        return ours;
    }

    private static ProcessSpec.Capabilities of(List<String> add, List<String> drop, List<String> ambient) {
        return Capability.of(new Capabilities(add, drop, ambient), false, OURS);
    }

    @Test
    void theDefaultSetIsInThreeSetsAndNeverInheritable() {
        ProcessSpec.Capabilities sets = of(List.of(), List.of(), List.of());
        assertThat(sets.bounding())
                .hasSize(14)
                .contains("CAP_CHOWN", "CAP_NET_RAW")
                .doesNotContain("CAP_SYS_ADMIN");
        assertThat(sets.effective()).isEqualTo(sets.bounding());
        assertThat(sets.permitted()).isEqualTo(sets.bounding());
        assertThat(sets.inheritable()).isEmpty();
        assertThat(sets.ambient()).isEmpty();
    }

    @Test
    void addsAndDropsByAnySpelling() {
        assertThat(of(List.of("net_admin"), List.of("CAP_CHOWN", "net_raw"), List.of())
                        .bounding())
                .contains("CAP_NET_ADMIN")
                .doesNotContain("CAP_CHOWN", "CAP_NET_RAW");
        assertThat(of(List.of("KILL"), List.of("ALL"), List.of()).bounding()).containsExactly("CAP_KILL");
        assertThat(of(List.of(), List.of("all"), List.of()).bounding()).isEmpty();
        assertThat(of(List.of("ALL"), List.of("SYS_ADMIN"), List.of()).bounding())
                .hasSize(OURS.size() - 1)
                .doesNotContain("CAP_SYS_ADMIN");
        assertThat(of(List.of("KILL"), List.of("KILL"), List.of()).bounding()).doesNotContain("CAP_KILL");
        assertThat(of(List.of("SYS_RESOURCE"), List.of("SYS_RESOURCE"), List.of())
                        .bounding())
                .as("what is dropped need not be ours")
                .isEqualTo(of(List.of(), List.of(), List.of()).bounding());
    }

    @Test
    void allMeansWhatWeHave() {
        assertThat(of(List.of("ALL"), List.of(), List.of()).bounding()).containsExactlyInAnyOrderElementsOf(OURS);
        assertThat(Capability.of(Capabilities.NONE, true, OURS).bounding()).containsExactlyInAnyOrderElementsOf(OURS);
        assertThat(Capability.of(Capabilities.NONE, false, Set.of("CAP_KILL")).bounding())
                .as("the default as far as we have it")
                .containsExactly("CAP_KILL");
    }

    @Test
    void anAmbientOneIsInEverySet() {
        ProcessSpec.Capabilities sets = of(List.of(), List.of("ALL"), List.of("NET_BIND_SERVICE"));
        assertThat(sets.ambient()).containsExactly("CAP_NET_BIND_SERVICE");
        assertThat(sets.inheritable()).containsExactly("CAP_NET_BIND_SERVICE");
        assertThat(sets.permitted()).containsExactly("CAP_NET_BIND_SERVICE");
        ProcessSpec.Capabilities both = of(List.of(), List.of("KILL"), List.of("KILL", "CHOWN"));
        assertThat(both.ambient()).as("what is dropped is in none").containsExactly("CAP_CHOWN");
        assertThat(both.bounding()).doesNotContain("CAP_KILL");
    }

    @Test
    void whatCannotBeGivenIsRefused() {
        assertThatThrownBy(() -> of(List.of("SYS_RESOURCE"), List.of(), List.of()))
                .isInstanceOfSatisfying(
                        Fault.class, f -> assertThat(f.code()).isEqualTo(Fault.Code.FAILED_PRECONDITION));
        assertThatThrownBy(() -> of(List.of(), List.of("NONSENSE\n"), List.of()))
                .isInstanceOfSatisfying(Fault.class, f -> assertThat(f.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT));
    }
}
