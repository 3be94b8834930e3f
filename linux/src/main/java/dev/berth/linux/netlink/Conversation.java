package dev.berth.linux.netlink;

import dev.berth.linux.Errno;
import dev.berth.linux.LinuxException;
import dev.berth.linux.NetlinkSocket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.Function;

/** Requests and their answers on one netlink socket: numbers them, waits for the acknowledgement, turns refusals into errors with the kernel's own sentence. */
final class Conversation implements AutoCloseable {
    private static final int ERROR = 2;
    private static final int DONE = 3;
    private static final int FLAG_INTERRUPTED = 0x10;
    private static final int FLAG_CAPPED = 0x100;
    private static final int FLAG_TEXT = 0x200;
    private static final int ERROR_TEXT = 1;
    private static final int DUMP_TRIES = 10;

    private final NetlinkSocket socket;
    private final Deque<Answer> unread = new ArrayDeque<>();
    private int sequence;

    private Conversation(NetlinkSocket socket) {
        this.socket = socket;
    }

    /** Opens one in the network namespace of the calling thread. */
    static Conversation open(int protocol) throws LinuxException {
        return new Conversation(NetlinkSocket.open(protocol));
    }

    /** Sends a change and waits until the kernel has made it. */
    void change(String what, NetlinkMessage message) throws LinuxException {
        int mine = ++sequence;
        socket.send(message.finish(mine, NetlinkMessage.ACK));
        check(what, next(mine, mine));
    }

    /** Sends a question that has one answer. */
    <T> T ask(String what, NetlinkMessage message, Function<ByteBuffer, T> reader) throws LinuxException {
        int mine = ++sequence;
        socket.send(message.finish(mine, 0));
        Answer answer = next(mine, mine);
        if (answer.type == ERROR) {
            throw refusal(what, answer);
        }
        return reader.apply(answer.body);
    }

    /** Reads a whole table; starts again if it changed while it was read. */
    <T> List<T> dump(String what, NetlinkMessage message, Function<ByteBuffer, T> reader) throws LinuxException {
        for (int i = 0; i < DUMP_TRIES; i++) {
            List<T> all = new ArrayList<>();
            if (dumpOnce(what, message, reader, all)) {
                return all;
            }
        }
        throw new LinuxException(what + ": the table changed during each of " + DUMP_TRIES + " readings", Errno.EAGAIN);
    }

    private <T> boolean dumpOnce(String what, NetlinkMessage message, Function<ByteBuffer, T> reader, List<T> all)
            throws LinuxException {
        int mine = ++sequence;
        socket.send(message.finish(mine, NetlinkMessage.DUMP));
        boolean whole = true;
        while (true) {
            Answer answer = next(mine, mine);
            whole &= (answer.flags & FLAG_INTERRUPTED) == 0;
            if (answer.type == DONE) {
                return whole;
            }
            if (answer.type == ERROR) {
                throw refusal(what, answer);
            }
            all.add(reader.apply(answer.body));
        }
    }

    /**
     * Sends messages as one datagram and waits until the kernel has taken each; the first and the last only frame the others.
     * After a refusal this conversation is of no use any more: answers to the others are still on their way.
     */
    void batch(String what, List<NetlinkMessage> messages) throws LinuxException {
        int first = sequence + 1;
        int last = sequence + messages.size();
        List<ByteBuffer> finished = new ArrayList<>();
        for (NetlinkMessage message : messages) {
            int mine = ++sequence;
            finished.add(message.finish(mine, mine == first || mine == last ? 0 : NetlinkMessage.ACK));
        }
        socket.send(joined(finished));
        for (int awaited = first + 1; awaited < last; awaited++) {
            check(what, next(first, last));
        }
    }

    private static ByteBuffer joined(List<ByteBuffer> parts) {
        int size = parts.stream().mapToInt(ByteBuffer::remaining).sum();
        ByteBuffer all = ByteBuffer.allocate(size).order(ByteOrder.nativeOrder());
        parts.forEach(all::put);
        return all.flip();
    }

    private record Answer(int type, int flags, int sequence, ByteBuffer body) {}

    /** The next answer to one of the requests numbered so; others are left from a conversation that was broken off. */
    private Answer next(int first, int last) throws LinuxException {
        while (true) {
            Answer answer = unread.poll();
            if (answer == null) {
                receive();
            } else if (answer.sequence >= first && answer.sequence <= last) {
                return answer;
            }
        }
    }

    private void receive() throws LinuxException {
        ByteBuffer bytes = socket.receive();
        int header = NetlinkMessage.headerBytes();
        while (bytes.remaining() >= header) {
            int start = bytes.position();
            int length = bytes.getInt(start);
            if (length < header || length > bytes.remaining()) {
                throw new LinuxException("netlink: an answer was cut short", Errno.EIO);
            }
            ByteBuffer body = bytes.slice(start + header, length - header).order(ByteOrder.nativeOrder());
            unread.add(new Answer(
                    Short.toUnsignedInt(bytes.getShort(start + 4)),
                    Short.toUnsignedInt(bytes.getShort(start + 6)),
                    bytes.getInt(start + 8),
                    body));
            bytes.position(Math.min(bytes.limit(), start + (length + 3) / 4 * 4));
        }
    }

    private static void check(String what, Answer answer) throws LinuxException {
        if (answer.body.getInt(0) != 0) {
            throw refusal(what, answer);
        }
    }

    private static LinuxException refusal(String what, Answer answer) {
        int errno = -answer.body.getInt(0);
        String sentence = (answer.flags & FLAG_TEXT) == 0 ? "" : sentence(answer);
        return new LinuxException(sentence.isEmpty() ? what : what + ": " + sentence, errno);
    }

    /** The kernel's own words follow the error number and the header (or, uncapped, the whole) of the refused request. */
    private static String sentence(Answer answer) {
        ByteBuffer body = answer.body.duplicate().order(ByteOrder.nativeOrder());
        int quoted = (answer.flags & FLAG_CAPPED) != 0 ? NetlinkMessage.headerBytes() : (body.getInt(4) + 3) / 4 * 4;
        if (4 + quoted > body.limit()) {
            return "";
        }
        return Attributes.read(body.position(4 + quoted)).text(ERROR_TEXT);
    }

    @Override
    public void close() {
        socket.close();
    }
}
