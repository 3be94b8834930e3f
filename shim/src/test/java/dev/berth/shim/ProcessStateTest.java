package dev.berth.shim;

import static dev.berth.shim.ProcessState.CREATED;
import static dev.berth.shim.ProcessState.CREATING;
import static dev.berth.shim.ProcessState.DELETED;
import static dev.berth.shim.ProcessState.PAUSED;
import static dev.berth.shim.ProcessState.RUNNING;
import static dev.berth.shim.ProcessState.STOPPED;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Set;
import org.junit.jupiter.api.Test;

class ProcessStateTest {
    private static final Set<String> ALLOWED = Set.of(
            CREATING + ">" + CREATED,
            CREATING + ">" + DELETED,
            CREATED + ">" + RUNNING,
            CREATED + ">" + STOPPED,
            CREATED + ">" + DELETED,
            RUNNING + ">" + PAUSED,
            RUNNING + ">" + STOPPED,
            PAUSED + ">" + RUNNING,
            PAUSED + ">" + STOPPED,
            STOPPED + ">" + DELETED);

    @Test
    void allMovesAreAllowedOrRefusedOnPurpose() {
        for (ProcessState from : ProcessState.values()) {
            for (ProcessState to : ProcessState.values()) {
                String move = from + ">" + to;
                assertThat(from.mayBecome(to)).as(move).isEqualTo(ALLOWED.contains(move));
            }
        }
    }
}
