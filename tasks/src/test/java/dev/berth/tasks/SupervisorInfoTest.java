package dev.berth.tasks;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.tasks.SupervisorInfo.OciRuntime;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What is said of a handler by what the supervisor has found, and by what is on the disk now. */
class SupervisorInfoTest {
    private static final String THERE = "/bin/sh";
    private static final String GONE = "/bin/no-such-runtime";

    private static OciRuntime good(String name, String path) {
        return new OciRuntime(name, path, "1.0", true, "", "", "features of " + name);
    }

    private static OciRuntime bad(String name) {
        return new OciRuntime(name, "", "", false, "there is no " + name + " in PATH", "Install " + name, "");
    }

    private static SupervisorInfo found(OciRuntime... runtimes) {
        return new SupervisorInfo(1, "v", Instant.EPOCH, List.of(runtimes));
    }

    private static SupervisorInfo.Readiness readiness(SupervisorInfo info, String runtime) {
        return info.readiness(new Handler.Builtin(runtime, false));
    }

    @Test
    void theBestIsTheFirstThatIsStillThere() {
        assertThat(readiness(found(bad("crun"), good("runc", THERE)), ""))
                .isEqualTo(new SupervisorInfo.Readiness("", "features of runc"));
        assertThat(readiness(found(good("crun", GONE), good("runc", THERE)), "").features())
                .isEqualTo("features of runc");
        assertThat(readiness(found(good("crun", GONE), bad("runc")), "").obstacle())
                .contains("crun: there is no program " + GONE, "runc: there is no runc in PATH. Install runc");
        assertThat(readiness(found(), "").obstacle()).contains("Install crun or runc");
    }

    @Test
    void aHandlersRuntimeGoesByItsNameOrItsPath() {
        SupervisorInfo info = found(good("mine", THERE), bad("crun"));
        assertThat(readiness(info, THERE).features()).isEqualTo("features of mine");
        assertThat(readiness(info, "mine").features()).isEqualTo("features of mine");
        assertThat(readiness(info, "crun").obstacle()).contains("Install crun");
        assertThat(readiness(info, "crun").features()).isNull();
    }

    @Test
    void whatNobodyHasTriedYetMustAtLeastBeThere() {
        assertThat(readiness(found(), THERE)).isEqualTo(new SupervisorInfo.Readiness("", null));
        assertThat(readiness(found(), GONE).obstacle()).contains(GONE);
        for (String shim : List.of(THERE, GONE)) {
            var handler = new Handler.Foreign(Path.of(shim), Handler.ShimOptions.NONE, Handler.Bootstrapping.DETECT);
            assertThat(found().readiness(handler).obstacle().isEmpty()).isEqualTo(shim.equals(THERE));
        }
    }
}
