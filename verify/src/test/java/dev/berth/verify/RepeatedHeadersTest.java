package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.wire.containerd.leases.CreateRequest;
import dev.berth.wire.containerd.leases.LeasesGrpc;
import dev.berth.wire.containerd.leases.ListRequest;
import dev.berth.wire.containerd.leases.ListResourcesRequest;
import dev.berth.wire.containerd.snapshots.PrepareSnapshotRequest;
import dev.berth.wire.containerd.snapshots.SnapshotsGrpc;
import io.grpc.Channel;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A client that works in several namespaces says all of them, and all its leases; the first counts. BuildKit is one. */
@ExtendWith(Leaks.class)
class RepeatedHeadersTest {
    @Test
    void theFirstCounts() throws IOException, InterruptedException {
        try (CtrPair pair = CtrPair.start()) {
            assertThat(done(pair.ours())).isEqualTo(done(pair.theirs())).contains("one: [one]", "two: []");
        }
    }

    private static List<String> done(Ctr ctr) throws InterruptedException {
        List<String> seen = new ArrayList<>();
        try (RawApi api = new RawApi(ctr.socket())) {
            Channel both = api.in(List.of("one", "two"), List.of("one", "none"));
            LeasesGrpc.newBlockingStub(both)
                    .create(CreateRequest.newBuilder().setId("one").build());
            SnapshotsGrpc.newBlockingStub(both)
                    .prepare(PrepareSnapshotRequest.newBuilder()
                            .setSnapshotter("overlayfs")
                            .setKey("held")
                            .build());
            for (String namespace : List.of("one", "two")) {
                var leases = LeasesGrpc.newBlockingStub(api.in(namespace, "")).list(ListRequest.getDefaultInstance());
                seen.add(namespace + ": "
                        + leases.getLeasesList().stream().map(it -> it.getId()).toList());
            }
            LeasesGrpc.newBlockingStub(api.in("one", ""))
                    .listResources(
                            ListResourcesRequest.newBuilder().setId("one").build())
                    .getResourcesList()
                    .forEach(held -> seen.add(held.getType() + " " + held.getId()));
        }
        return seen;
    }
}
