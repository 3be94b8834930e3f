package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import dev.berth.kernel.Ids;
import dev.berth.oci.Platform;
import dev.berth.wire.containerd.streaming.StreamInit;
import dev.berth.wire.containerd.streaming.StreamingGrpc;
import dev.berth.wire.containerd.transfer.TransferGrpc;
import dev.berth.wire.containerd.transfer.TransferOptions;
import dev.berth.wire.containerd.transfer.TransferRequest;
import dev.berth.wire.containerd.transfertypes.ImageStore;
import dev.berth.wire.containerd.transfertypes.OCIRegistry;
import dev.berth.wire.containerd.transfertypes.Progress;
import dev.berth.wire.containerd.transfertypes.RegistryResolver;
import dev.berth.wire.containerd.transfertypes.UnpackConfiguration;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * What a client of a transfer is told on the way: of each part of an image what is above it, how large it is and where it ends, beside
 * what containerd tells. How often in between is up to each.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class TransferProgressTest {
    private static final Set<String> ON_THE_WAY = Set.of("waiting", "downloading", "uploading", "extracting");

    private CtrPair pair;
    private String single;
    private String both;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        pair = CtrPair.start();
        both = ManyPlatforms.add(pair.berth(), "both", List.of(Platform.host(), Platform.of("linux", "s390x", "")));
        single = pair.berth().image("busybox");
    }

    @AfterAll
    void stop() throws IOException {
        if (pair != null) {
            pair.close();
        }
    }

    @AfterEach
    void removeAll() {
        pair.removeImages();
    }

    /** A client's end of a stream. */
    private static final class Listening implements StreamObserver<Any> {
        private final Queue<Progress> told = new ConcurrentLinkedQueue<>();
        private final CountDownLatch open = new CountDownLatch(1);

        @Override
        public void onNext(Any message) {
            if (open.getCount() > 0) {
                open.countDown();
                return;
            }
            assertThat(message.getTypeUrl()).isEqualTo(Progress.getDescriptor().getFullName());
            try {
                told.add(Progress.parseFrom(message.getValue()));
            } catch (InvalidProtocolBufferException e) {
                throw new AssertionError(e);
            }
        }

        @Override
        public void onError(Throwable failure) {
            open.countDown();
        }

        @Override
        public void onCompleted() {
            open.countDown();
        }
    }

    private static Any envelope(Message message) {
        return Any.newBuilder()
                .setTypeUrl(message.getDescriptorForType().getFullName())
                .setValue(message.toByteString())
                .build();
    }

    private static List<Progress> transfer(Ctr ctr, Message source, Message destination) throws InterruptedException {
        try (RawApi api = new RawApi(ctr.socket())) {
            var channel = api.in("default", "");
            var listening = new Listening();
            String id = "bt-" + Ids.random().substring(0, 12);
            var stream = StreamingGrpc.newStub(channel).stream(listening);
            stream.onNext(envelope(StreamInit.newBuilder().setId(id).build()));
            assertThat(listening.open.await(Berth.LIMIT.toSeconds(), TimeUnit.SECONDS))
                    .isTrue();
            var _ = TransferGrpc.newBlockingStub(channel)
                    .withDeadlineAfter(Berth.LIMIT)
                    .transfer(TransferRequest.newBuilder()
                            .setSource(envelope(source))
                            .setDestination(envelope(destination))
                            .setOptions(TransferOptions.newBuilder().setProgressStream(id))
                            .build());
            return List.copyOf(listening.told);
        }
    }

    /** What is told of all, in order, and of each part where it ends. */
    private static Map<String, List<String>> gist(List<Progress> told) {
        Map<String, List<String>> gist = new TreeMap<>();
        for (Progress each : told) {
            String name = each.getName();
            boolean isPart = name.matches("(index|manifest|config|layer|unknown)-sha256:[0-9a-f]{64}");
            if (!isPart) {
                gist.computeIfAbsent("all", _ -> new ArrayList<>()).add(each.toString());
                continue;
            }
            List<String> part = gist.computeIfAbsent(
                    name,
                    _ -> new ArrayList<>(List.of(
                            "first " + each.getEvent(),
                            "below " + each.getParentsList(),
                            "of " + each.getTotal(),
                            "is " + each.getDesc(),
                            "ends")));
            if (!ON_THE_WAY.contains(each.getEvent())) {
                String brought = each.getEvent().equals("extracted") ? "complete" : each.getEvent();
                part.set(part.size() - 1, "ends " + brought + " at " + each.getProgress() + " of " + each.getTotal());
            }
        }
        return gist;
    }

    /**
     * The gist of two, without what is up to each: a layer that is unpacked when it looks containerd tells to be on its way, and
     * nothing after that; of several documents that name a part it may say but one.
     */
    private static void isSame(List<Progress> ours, List<Progress> theirs) {
        var mine = gist(ours);
        var other = gist(theirs);
        mine.forEach((name, part) -> {
            boolean ends = !name.startsWith("layer-") || part.getLast().startsWith("ends already");
            boolean shared = part.get(1).contains(", ");
            for (List<String> each : List.of(part, other.getOrDefault(name, new ArrayList<>()))) {
                each.removeIf(line -> (!ends && line.startsWith("ends")) || (shared && line.startsWith("below")));
            }
        });
        assertThat(mine).isEqualTo(other);
    }

    private void same(Message source, Message destination) throws InterruptedException {
        List<Progress> theirs = transfer(pair.theirs(), source, destination);
        List<Progress> ours = transfer(pair.ours(), source, destination);
        isSame(ours, theirs);
        gist(ours).forEach((name, part) -> assertThat(part.getLast()).as(name).isNotEqualTo("ends"));
        isATree(ours);
    }

    /** Whatever is above a part has been told before it: on that clients build what they show. */
    private static void isATree(List<Progress> told) {
        List<String> known = new ArrayList<>();
        for (Progress each : told) {
            each.getParentsList().stream()
                    .filter(it -> it.contains("-sha256:"))
                    .forEach(parent -> assertThat(known).as(each.toString()).contains(parent));
            known.add(each.getName());
        }
    }

    private static OCIRegistry registry(String name) {
        return OCIRegistry.newBuilder()
                .setReference(name)
                .setResolver(RegistryResolver.newBuilder().setDefaultScheme("http"))
                .build();
    }

    /** As ctr asks for it. */
    private static ImageStore.Builder store(String name) {
        var platform = dev.berth.wire.shim.types.Platform.newBuilder()
                .setOs(Platform.host().os())
                .setArchitecture(Platform.host().architecture())
                .build();
        return ImageStore.newBuilder()
                .setName(name)
                .setAllMetadata(true)
                .addPlatforms(platform)
                .addUnpacks(UnpackConfiguration.newBuilder().setPlatform(platform));
    }

    @Test
    void ofAPull() throws InterruptedException {
        same(registry(single), store(single).build());
        same(registry(single), store(single).build()); // and of one that has nothing to bring
        same(registry(single), store("docker.io/library/other:1").build());
    }

    @Test
    void ofAPullOfSeveralPlatforms() throws InterruptedException {
        same(registry(both), store(both).setAllMetadata(false).build());
        same(registry(both), store(both).build());
        removeAll();
        same(registry(both), store(both).build());
        removeAll();
        same(registry(both), store(both).clearPlatforms().build());
    }

    @Test
    void ofAPush() throws IOException, InterruptedException {
        transfer(pair.ours(), registry(both), store(both).clearPlatforms().build());
        transfer(pair.theirs(), registry(both), store(both).clearPlatforms().build());
        Map<String, List<Progress>> told = new LinkedHashMap<>();
        for (Ctr ctr : List.of(pair.theirs(), pair.ours())) {
            String whose = ctr.equals(pair.ours()) ? "ours" : "theirs";
            try (var registry = OwnRegistry.start(pair.berth().folder().resolve(whose), false)) {
                String there = registry.authority() + "/app:v1";
                ImageStore from = ImageStore.newBuilder().setName(both).build();
                for (String time : List.of(" first", " again")) {
                    told.put(whose + time, masked(transfer(ctr, from, registry(there)), registry.authority()));
                }
            }
        }
        for (String time : List.of(" first", " again")) {
            List<Progress> ours = told.getOrDefault("ours" + time, List.of());
            assertThat(ours).isNotEmpty();
            isSame(ours, told.getOrDefault("theirs" + time, List.of()));
            isATree(ours);
        }
    }

    /** Without the name of the registry, and without what containerd notes of where else a part is. */
    private static List<Progress> masked(List<Progress> told, String authority) {
        return told.stream()
                .map(it -> it.toBuilder()
                        .setEvent(it.getEvent().replace(authority, "there"))
                        .setDesc(it.getDesc().toBuilder().clearAnnotations())
                        .build())
                .toList();
    }
}
