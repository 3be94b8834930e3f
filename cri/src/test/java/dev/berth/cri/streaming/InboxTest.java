package dev.berth.cri.streaming;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** What is kept for a stream costs no more than it may, and what was lent comes back. */
class InboxTest {
    private static final int LENT = 1 << 20;
    private static final int PIECE = 32 << 10;

    private final Reserve reserve = new Reserve(LENT);
    private final AtomicInteger taken = new AtomicInteger();
    private final AtomicInteger pulses = new AtomicInteger();
    private final Inbox inbox = inbox();

    private Inbox inbox() {
        return new Inbox(reserve, new Inbox.Sender() {
            @Override
            public void feel() throws IOException {
                pulses.incrementAndGet();
                throw new IOException("nobody is there");
            }

            @Override
            public void taken(int bytes) {
                taken.addAndGet(bytes);
            }
        });
    }

    /** Until it would have to wait; returns how many pieces that were. */
    private int fill(int length) {
        for (int i = 0; ; i++) {
            try {
                inbox.put(new byte[length]);
            } catch (IOException full) {
                return i;
            }
        }
    }

    @Test
    void whatWasLentComesBackAsItIsRead() throws IOException {
        int pieces = fill(PIECE);
        assertThat(pieces).isEqualTo((Inbox.ROOM_BYTES + LENT) / PIECE - 1);
        assertThat(pulses).hasValue(1);
        assertThat(reserve.left()).isLessThan(PIECE + 100);
        byte[] all = inbox.readNBytes(pieces * PIECE);
        assertThat(all).hasSize(pieces * PIECE);
        assertThat(reserve.left()).isEqualTo(LENT);
        assertThat(taken).hasValue(pieces * PIECE);
    }

    @Test
    void whatWasLentComesBackAtAnEnd() throws IOException {
        int pieces = fill(PIECE);
        assertThat(inbox.read()).isZero();
        inbox.close();
        assertThat(reserve.left()).isEqualTo(LENT);
        assertThat(taken).hasValue(pieces * PIECE);
    }

    @Test
    void whatWasLentComesBackWhenTheClientGoes() throws IOException {
        int pieces = fill(PIECE);
        inbox.breakOff("gone");
        assertThat(reserve.left()).isEqualTo(LENT);
        assertThat(inbox.readNBytes(pieces * PIECE)).hasSize(pieces * PIECE);
        assertThatThrownBy(inbox::read).hasMessageContaining("gone");
        inbox.close();
        assertThat(reserve.left()).isEqualTo(LENT);
    }

    /** A million pieces of one byte cost more than a megabyte. */
    @Test
    void smallPiecesAreNotFree() {
        assertThat(fill(1)).isLessThan((Inbox.ROOM_BYTES + LENT) / 32);
    }

    @Test
    void oneTakesNotAll() {
        var large = new Reserve(100 << 20);
        var greedy = new Inbox(large, new Inbox.Sender() {
            @Override
            public void feel() throws IOException {
                throw new IOException("full");
            }

            @Override
            public void taken(int bytes) {
                taken.addAndGet(bytes);
            }
        });
        assertThatThrownBy(() -> {
                    while (true) {
                        greedy.put(new byte[PIECE]);
                    }
                })
                .hasMessage("full");
        assertThat(large.left()).isGreaterThan((100 << 20) - Inbox.MOST_BYTES - PIECE);
    }

    @Test
    void whatNobodyWantsCountsAsTaken() throws IOException {
        inbox.close();
        inbox.put(new byte[PIECE]);
        assertThat(taken).hasValue(PIECE);
        assertThat(reserve.left()).isEqualTo(LENT);
    }
}
