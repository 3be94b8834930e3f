package dev.berth.shim;

import dev.berth.linux.Fd;
import dev.berth.linux.Namespaces.Kind;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;

/** What is known of a pod while this supervisor runs: its record and its open namespaces. */
final class Pod {
    private final Map<Kind, Fd> namespaces = new ConcurrentHashMap<>();
    private final CountDownLatch stopped = new CountDownLatch(1);
    private volatile PodRecord record;

    Pod(PodRecord record) {
        this.record = record;
    }

    TaskKey key() {
        return record.key();
    }

    PodRecord record() {
        return record;
    }

    void become(PodRecord next) {
        record = next;
        if (next.stoppedAt() != null) {
            stopped.countDown();
        }
    }

    Map<Kind, Fd> namespaces() {
        return namespaces;
    }

    void awaitStop() throws InterruptedException {
        stopped.await();
    }

    void closeNamespaces() {
        namespaces.values().forEach(Fd::close);
        namespaces.clear();
    }
}
