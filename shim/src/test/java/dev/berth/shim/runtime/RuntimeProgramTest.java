package dev.berth.shim.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.shim.runtime.RuntimeProgram.Kind;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RuntimeProgramTest {
    @ParameterizedTest
    @CsvSource({
        "crun version 1.8.1,CRUN,1.8.1,true",
        "crun version 1.8,CRUN,1.8,false",
        "crun version 1.14.3,CRUN,1.14.3,true",
        "runc version 1.1.5+ds1,RUNC,1.1.5+ds1,true",
        "runc version 1.1.4,RUNC,1.1.4,false",
        "runc version v1.5.1,RUNC,1.5.1,true",
        "runsc version release-20221219.0,OTHER,,",
        "youki version 0.3.0,OTHER,0.3.0,true"
    })
    void recognisesFamiliesAndOldVersions(String printed, Kind kind, String version, Boolean recent) {
        var program = RuntimeProgram.recognise("x", Path.of("/x"), printed + "\ncommit: 1\nspec: 1.0.0\n");
        if (version == null) {
            assertThat(program).isEmpty();
            return;
        }
        assertThat(program.orElseThrow().kind()).isEqualTo(kind);
        assertThat(program.orElseThrow().version()).isEqualTo(version);
        assertThat(program.orElseThrow().isRecentEnough()).isEqualTo(recent);
    }

    @Test
    void refusesWhatIsNoRuntime() {
        assertThat(RuntimeProgram.recognise("x", Path.of("/x"), "hello")).isEmpty();
        assertThat(RuntimeProgram.recognise("x", Path.of("/x"), "")).isEmpty();
    }
}
