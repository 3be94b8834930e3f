package dev.berth.cri.grpc;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.berth.wire.cri.Container;
import dev.berth.wire.cri.ListContainersResponse;
import dev.berth.wire.cri.ListPodSandboxResponse;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class ReadyItemsTest {
    private record Named(String name, String text) {}

    private final AtomicInteger encoded = new AtomicInteger();
    private final ReadyItems<Named> items = new ReadyItems<>(named -> {
        encoded.incrementAndGet();
        return Container.newBuilder()
                .setId(named.name())
                .setImageRef(named.text())
                .build();
    });

    /** What a client reads. */
    private List<String> read(boolean all, Named... given) throws InvalidProtocolBufferException {
        var answer = ListContainersResponse.newBuilder()
                .setUnknownFields(items.of(List.of(given), all))
                .build();
        return ListContainersResponse.parseFrom(answer.toByteArray()).getContainersList().stream()
                .map(container -> container.getId() + container.getImageRef())
                .toList();
    }

    @Test
    void clientsReadTheItemsInTheirOrder() throws InvalidProtocolBufferException {
        assertThat(read(true, new Named("a", "1"), new Named("b", "2"))).containsExactly("a1", "b2");
        assertThat(read(true)).isEmpty();
    }

    @Test
    void onlyWhatHasChangedIsEncodedAgain() throws InvalidProtocolBufferException {
        var same = new Named("a", "1");
        read(true, same, new Named("b", "2"));
        assertThat(read(true, same, new Named("b", "3"))).containsExactly("a1", "b3");
        assertThat(encoded).hasValue(3);
    }

    @Test
    void aPartOfThemForgetsNothing() throws InvalidProtocolBufferException {
        var a = new Named("a", "1");
        var b = new Named("b", "2");
        read(true, a, b);
        read(false, a);
        read(true, a, b);
        assertThat(encoded).hasValue(2);
    }

    @Test
    void whatIsGoneIsForgotten() throws InvalidProtocolBufferException {
        var a = new Named("a", "1");
        read(true, a);
        read(true);
        read(true, a);
        assertThat(encoded).hasValue(2);
    }

    @Test
    void bothListsHaveTheirItemsInTheSameField() {
        assertThat(ListContainersResponse.CONTAINERS_FIELD_NUMBER)
                .isEqualTo(ListPodSandboxResponse.ITEMS_FIELD_NUMBER)
                .isEqualTo(1);
    }
}
