package dev.berth.verify;

import java.io.IOException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** A class of tests with one daemon, which has busybox; each test begins and ends without a pod, and leaves nothing. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
abstract class BusyboxPods {
    Berth berth;
    GrpcPods pods;
    AtRest rest;

    @BeforeAll
    final void start() throws IOException, InterruptedException {
        Peers.need("crictl");
        berth = Berth.start();
        pods = new GrpcPods(berth);
        pods.pull(berth.image("busybox"));
        rest = AtRest.settled(berth);
    }

    @AfterEach
    final void tidy() throws InterruptedException {
        pods.removeAll();
        rest.isSame(berth);
    }

    @AfterAll
    final void stop() throws IOException {
        if (berth != null) {
            pods.close();
            berth.close();
        }
    }
}
