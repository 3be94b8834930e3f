package dev.berth.tasks;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TaskClientTest {
    /** Those whose failures users see. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "Create",
                "Run",
                "Start",
                "Exec",
                "RunExec",
                "CreateSandbox",
                "StartSandbox",
                "Kill",
                "Delete",
                "Update",
                "Stats",
                "Pids",
                "Pause",
                "Resume",
                "ResizePty",
                "CloseIO",
                "ReopenLog"
            })
    void failuresSayWhatFailedAndNotWhichCall(String method) {
        assertThat(TaskClient.what(Supervisor.SERVICE, method)).doesNotContain(method, "Supervisor", ".");
    }
}
