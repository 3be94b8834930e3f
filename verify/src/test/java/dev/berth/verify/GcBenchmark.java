package dev.berth.verify;

import com.google.protobuf.ByteString;
import dev.berth.kernel.Ticker;
import dev.berth.wire.containerd.content.ContentGrpc;
import dev.berth.wire.containerd.content.WriteAction;
import dev.berth.wire.containerd.content.WriteContentRequest;
import dev.berth.wire.containerd.content.WriteContentResponse;
import dev.berth.wire.containerd.leases.CreateRequest;
import dev.berth.wire.containerd.leases.DeleteRequest;
import dev.berth.wire.containerd.leases.LeasesGrpc;
import dev.berth.wire.containerd.namespaces.CreateNamespaceRequest;
import dev.berth.wire.containerd.namespaces.Namespace;
import dev.berth.wire.containerd.namespaces.NamespacesGrpc;
import dev.berth.wire.containerd.snapshots.PrepareSnapshotRequest;
import dev.berth.wire.containerd.snapshots.SnapshotsGrpc;
import io.grpc.Channel;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * How long others wait while a daemon looks for what nobody needs, and removes it: snapshots are prepared and leases made, one after
 * the other, first with nothing else to do, then while a lease is deleted on which many blobs hang, with as many others that stay. On
 * Berth and on containerd, in turns. Prints JSON on standard output and a table on standard error.
 */
final class GcBenchmark {
    private static final Ticker TICKER = Ticker.system();
    private static final String SPACE = "gc";
    private static final String DOOMED = "doomed";
    private static final String PROBE = "probe";
    private static final Duration IDLE = Duration.ofSeconds(3);
    private static final int NOT_COUNTED = 300;

    /** One daemon, with what it took: a list for the calls of each kind of time, and the deletions. */
    private static final class Side {
        private final String name;
        private final RawApi api;
        private final List<Double> idle = new ArrayList<>();
        private final List<Double> meanwhile = new ArrayList<>();
        private final List<Double> deletions = new ArrayList<>();
        private int calls;

        Side(String name, Ctr ctr) {
            this.name = name;
            this.api = new RawApi(ctr.socket());
        }

        /** One call of each kind that makes something. */
        void probe(List<Double> times) {
            Channel channel = api.in(SPACE, PROBE);
            calls++;
            String id = PROBE + calls;
            long start = TICKER.nanos();
            var _ = SnapshotsGrpc.newBlockingStub(channel)
                    .prepare(PrepareSnapshotRequest.newBuilder()
                            .setSnapshotter("overlayfs")
                            .setKey(id)
                            .build());
            long between = TICKER.nanos();
            lease(id);
            times.add((between - start) / 1e6);
            times.add(TICKER.since(between).toNanos() / 1e6);
        }

        void lease(String id) {
            var _ = LeasesGrpc.newBlockingStub(api.in(SPACE, ""))
                    .create(CreateRequest.newBuilder().setId(id).build());
        }
    }

    private GcBenchmark() {}

    /** Arguments: rounds (3), blobs that stay and blobs of each round that do not (3000). */
    public static void main(String[] arguments) throws IOException, InterruptedException {
        int rounds = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 3;
        int blobs = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 3000;
        try (CtrPair pair = CtrPair.start()) {
            List<Side> sides = List.of(new Side("berth", pair.ours()), new Side("containerd", pair.theirs()));
            for (Side side : sides) {
                var _ = NamespacesGrpc.newBlockingStub(side.api.nobody())
                        .create(CreateNamespaceRequest.newBuilder()
                                .setNamespace(Namespace.newBuilder().setName(SPACE))
                                .build());
                side.lease(PROBE);
                fill(side, "", "stays", blobs);
                for (int i = 0; i < NOT_COUNTED; i++) {
                    side.probe(new ArrayList<>());
                }
            }
            for (int round = 0; round < rounds; round++) {
                for (Side side : sides) {
                    measure(side, "round" + round, blobs);
                }
            }
            report(sides, blobs);
            sides.forEach(side -> side.api.close());
        }
    }

    private static void measure(Side side, String round, int blobs) throws InterruptedException {
        side.lease(DOOMED);
        fill(side, DOOMED, round, blobs);
        long start = TICKER.nanos();
        while (TICKER.since(start).compareTo(IDLE) < 0) {
            side.probe(side.idle);
        }
        var deleted = new AtomicBoolean();
        Thread deletion = Thread.ofPlatform().start(() -> {
            long begin = TICKER.nanos();
            var _ = LeasesGrpc.newBlockingStub(side.api.in(SPACE, ""))
                    .delete(DeleteRequest.newBuilder()
                            .setId(DOOMED)
                            .setSync(true)
                            .build());
            side.deletions.add(TICKER.since(begin).toNanos() / 1e6);
            deleted.set(true);
        });
        while (deletion.isAlive()) {
            side.probe(side.meanwhile);
        }
        deletion.join();
        if (!deleted.get()) {
            throw new IllegalStateException(side.name + " did not delete the lease");
        }
    }

    /** Small blobs, each of its own: on a lease, or to stay for good. */
    private static void fill(Side side, String lease, String text, int blobs) {
        Map<String, String> labels = lease.isEmpty() ? Map.of("containerd.io/gc.root", "stays") : Map.of();
        var content = ContentGrpc.newStub(side.api.in(SPACE, lease));
        for (int i = 0; i < blobs; i++) {
            var written = new CompletableFuture<WriteContentResponse>();
            StreamObserver<WriteContentRequest> writer = content.write(new StreamObserver<>() {
                @Override
                public void onNext(WriteContentResponse response) {
                    written.complete(response);
                }

                @Override
                public void onError(Throwable failure) {
                    written.completeExceptionally(failure);
                }

                @Override
                public void onCompleted() {
                    written.completeExceptionally(new IllegalStateException("nothing was answered"));
                }
            });
            String one = text + i;
            writer.onNext(WriteContentRequest.newBuilder()
                    .setAction(WriteAction.COMMIT)
                    .setRef(one)
                    .setTotal(one.length())
                    .setData(ByteString.copyFrom(one, StandardCharsets.US_ASCII))
                    .putAllLabels(labels)
                    .build());
            var _ = written.join();
            writer.onCompleted();
        }
    }

    private static void report(List<Side> sides, int blobs) {
        var json = new StringBuilder("{\"blobs\": " + blobs);
        System.err.printf(
                Locale.ROOT, "%-34s%10s%10s%10s%10s%n", blobs + " blobs, ms", "median", "99 %", "longest", "calls");
        for (Side side : sides) {
            say(json, side.name + " idle", side.idle);
            say(json, side.name + " while it removes", side.meanwhile);
            say(json, side.name + " deletion of the lease", side.deletions);
        }
        System.out.println(json.append('}'));
    }

    private static void say(StringBuilder json, String what, List<Double> times) {
        List<Double> sorted = times.stream().sorted().toList();
        double median = sorted.get(sorted.size() / 2);
        double rare = sorted.get(sorted.size() * 99 / 100);
        double longest = sorted.getLast();
        System.err.printf(Locale.ROOT, "%-34s%10.1f%10.1f%10.1f%10d%n", what, median, rare, longest, sorted.size());
        json.append(String.format(
                Locale.ROOT,
                ", \"%s\": {\"medianMs\": %.2f, \"p99Ms\": %.2f, \"longestMs\": %.2f, \"calls\": %d}",
                what,
                median,
                rare,
                longest,
                sorted.size()));
    }
}
