package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.wire.cri.RuntimeCondition;
import dev.berth.wire.cri.RuntimeHandler;
import dev.berth.wire.cri.StatusRequest;
import dev.berth.wire.cri.StatusResponse;
import io.grpc.Status;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** By the conditions of Status a kubelet decides whether pods may come: they are true at every moment. */
@ExtendWith(Leaks.class)
class ConditionsTest {
    private static final Path CRUN = Path.of("/usr/bin/crun");

    @Test
    void aRuntimeThatIsMissingIsToldAndComesBack() throws IOException, InterruptedException {
        Peers.need("crictl");
        Assumptions.assumeTrue(Files.isExecutable(CRUN), "crun is not installed");
        String config = """
                [runtime]
                default = "mine"
                [runtime.mine]
                path = "/var/lib/%1$s/crun"
                """;
        Berth berth = Berth.connected(config, folder -> Files.copy(CRUN, folder.resolve("crun")));
        try (var pods = new GrpcPods(berth)) {
            Path program = berth.folder().resolve("crun");
            RuntimeCondition ready = condition(pods);
            assertThat(ready.getStatus()).as(ready.getMessage()).isTrue();
            assertThat(status(pods).getRuntimeHandlersList())
                    .filteredOn(handler ->
                            handler.getName().isEmpty() || handler.getName().equals("mine"))
                    .hasSize(2)
                    .allMatch(handler -> handler.getFeatures().getRecursiveReadOnlyMounts())
                    .extracting(RuntimeHandler::getFeatures)
                    .as("the default is that handler")
                    .allSatisfy(features ->
                            assertThat(features).isEqualTo(handler(pods, "mine").getFeatures()));
            Path away = Files.move(program, program.resolveSibling("away"));
            assertThat(condition(pods).getStatus()).isFalse();
            assertThat(condition(pods).getReason()).isEqualTo("NoRuntime");
            assertThat(condition(pods).getMessage()).contains("there is no program " + program);
            assertThat(status(pods).getInfoMap()).containsKey("runtime.default");
            pods.pull(berth.image("busybox"));
            startIsRefused(pods, program);
            Files.move(away, program);
            assertThat(condition(pods).getStatus()).isTrue();
            String pod = pods.run("again");
            pods.start(pods.create(pod, pods.container("again", "true").build()));
            pods.remove(pod);
        } finally {
            berth.close();
        }
    }

    /** A kubelet that does not look at the conditions. */
    private static void startIsRefused(GrpcPods pods, Path program) {
        String pod = pods.run("poor");
        String container = pods.create(pod, pods.container("poor", "true").build());
        GrpcPods.refused(
                Status.Code.FAILED_PRECONDITION, () -> pods.start(container), program + " cannot be run", "Install");
        pods.remove(pod);
    }

    private static StatusResponse status(GrpcPods pods) {
        return pods.runtime().status(StatusRequest.newBuilder().setVerbose(true).build());
    }

    private static RuntimeHandler handler(GrpcPods pods, String name) {
        return status(pods).getRuntimeHandlersList().stream()
                .filter(each -> each.getName().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private static RuntimeCondition condition(GrpcPods pods) {
        return status(pods).getStatus().getConditionsList().stream()
                .filter(each -> each.getType().equals("RuntimeReady"))
                .findFirst()
                .orElseThrow();
    }
}
