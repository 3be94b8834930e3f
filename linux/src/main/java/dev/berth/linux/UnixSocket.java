package dev.berth.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * A connected Unix stream socket that can carry descriptors. For plain bytes use java.nio's own.
 *
 * <p>Waits go through {@link Poller}.
 */
public final class UnixSocket implements AutoCloseable {
    static final int AF_UNIX = 1;
    static final int SOCK_STREAM_CLOEXEC_NONBLOCK = 1 | Fd.O_CLOEXEC | Fd.O_NONBLOCK;

    private static final int SOL_SOCKET = 1;
    private static final int SCM_RIGHTS = 1;
    private static final int MSG_NOSIGNAL = 0x4000;
    private static final int MSG_CTRUNC = 0x8;
    private static final int MSG_CMSG_CLOEXEC = 0x40000000;
    private static final int PATH_BYTES = 108;
    private static final int ADDRESS_BYTES = 2 + PATH_BYTES;

    /** The kernel's own limit of descriptors in one message. */
    private static final int MAX_DESCRIPTORS = 253;

    /** struct msghdr on 64 bits: name, namelen, iov, iovlen, control, controllen, flags. */
    private static final int MSGHDR_BYTES = 56;

    private static final int MSG_IOV = 16;
    private static final int MSG_IOVLEN = 24;
    private static final int MSG_CONTROL = 32;
    private static final int MSG_CONTROLLEN = 40;
    private static final int MSG_FLAGS = 48;
    private static final int CMSG_HEADER_BYTES = 16;

    private static final MethodHandle SOCKET =
            Native.withErrno("socket", Native.INT, Native.INT, Native.INT, Native.INT);
    private static final MethodHandle CONNECT =
            Native.withErrno("connect", Native.INT, Native.INT, Native.POINTER, Native.INT);
    private static final MethodHandle SENDMSG =
            Native.withErrno("sendmsg", Native.LONG, Native.INT, Native.POINTER, Native.INT);
    private static final MethodHandle RECVMSG =
            Native.withErrno("recvmsg", Native.LONG, Native.INT, Native.POINTER, Native.INT);

    /**
     * What came in one message.
     *
     * @param bytes the bytes; none at the end of the stream
     * @param descriptors the descriptors; whoever gets this closes them
     */
    public record Message(ByteBuffer bytes, List<Fd> descriptors) {
        /** Whether the other side has closed. */
        public boolean isEnd() {
            return !bytes.hasRemaining() && descriptors.isEmpty();
        }
    }

    private final Fd fd;

    UnixSocket(Fd fd) {
        this.fd = fd;
    }

    /**
     * Connects.
     *
     * @throws LinuxException ENOENT or ECONNREFUSED if nobody listens; EAGAIN if its queue is full
     */
    public static UnixSocket connect(Path path) throws LinuxException {
        Fd fd = create();
        try {
            Native.call("connect to " + path, (memory, errno) ->
                    (int) CONNECT.invokeExact(errno, fd.number(), address(memory, path), ADDRESS_BYTES));
            return new UnixSocket(fd);
        } catch (LinuxException | RuntimeException e) {
            fd.close();
            throw e;
        }
    }

    static Fd create() throws LinuxException {
        return Fd.own((int) Native.call("make a Unix socket", (memory, errno) ->
                (int) SOCKET.invokeExact(errno, AF_UNIX, SOCK_STREAM_CLOEXEC_NONBLOCK, 0)));
    }

    /** struct sockaddr_un. */
    static MemorySegment address(Arena memory, Path path) throws LinuxException {
        byte[] bytes = path.toString().getBytes(StandardCharsets.UTF_8);
        if (bytes.length >= PATH_BYTES) {
            throw new LinuxException("use " + path + " as a socket (107 bytes at most)", Errno.ENAMETOOLONG);
        }
        MemorySegment address = memory.allocate(ADDRESS_BYTES, 8);
        address.set(ValueLayout.JAVA_SHORT, 0, (short) AF_UNIX);
        MemorySegment.copy(bytes, 0, address, ValueLayout.JAVA_BYTE, 2, bytes.length);
        return address;
    }

    static int addressBytes() {
        return ADDRESS_BYTES;
    }

    /** The socket's descriptor; it stays this object's. */
    public Fd fd() {
        return fd;
    }

    /**
     * Sends bytes, at least one, with descriptors, which stay the caller's. Waits for room.
     *
     * @throws LinuxException EPIPE if the other side has closed
     */
    public void send(byte[] bytes, List<Fd> descriptors) throws LinuxException, InterruptedException {
        if (bytes.length == 0 || descriptors.size() > MAX_DESCRIPTORS) {
            throw new IllegalArgumentException(
                    bytes.length + " bytes with " + descriptors.size() + " descriptors cannot be sent");
        }
        int sent = 0;
        while (sent < bytes.length) {
            List<Fd> now = sent == 0 ? descriptors : List.of();
            try {
                sent += sendOnce(bytes, sent, now);
            } catch (LinuxException e) {
                if (!e.is(Errno.EAGAIN)) {
                    throw e;
                }
                Poller.awaitWritable(fd, Poller.FOREVER);
            }
        }
    }

    private int sendOnce(byte[] bytes, int from, List<Fd> descriptors) throws LinuxException {
        fd.use();
        try {
            return (int) Native.call("send to a Unix socket", (memory, errno) -> {
                int length = bytes.length - from;
                MemorySegment data = memory.allocate(length);
                MemorySegment.copy(bytes, from, data, ValueLayout.JAVA_BYTE, 0, length);
                MemorySegment control = memory.allocate(controlSpace(descriptors.size()), 8);
                MemorySegment header = header(memory, data, control);
                if (descriptors.isEmpty()) {
                    header.set(ValueLayout.JAVA_LONG, MSG_CONTROLLEN, 0);
                } else {
                    control.set(ValueLayout.JAVA_LONG, 0, CMSG_HEADER_BYTES + 4L * descriptors.size());
                    control.set(ValueLayout.JAVA_INT, 8, SOL_SOCKET);
                    control.set(ValueLayout.JAVA_INT, 12, SCM_RIGHTS);
                    for (int i = 0; i < descriptors.size(); i++) {
                        control.set(
                                ValueLayout.JAVA_INT,
                                CMSG_HEADER_BYTES + 4L * i,
                                descriptors.get(i).number());
                    }
                }
                return (long) SENDMSG.invokeExact(errno, fd.number(), header, MSG_NOSIGNAL);
            });
        } finally {
            fd.done();
        }
    }

    /**
     * Waits for bytes and what descriptors come with them.
     *
     * @param maxBytes room for bytes
     * @throws LinuxException EAGAIN if the time is over; EMFILE if descriptors were lost because this process has too many
     */
    public Message receive(int maxBytes, Duration limit) throws LinuxException, InterruptedException {
        while (true) {
            try {
                return receiveOnce(maxBytes);
            } catch (LinuxException e) {
                if (!e.is(Errno.EAGAIN) || !Poller.awaitReadable(fd, limit)) {
                    throw e;
                }
            }
        }
    }

    private Message receiveOnce(int maxBytes) throws LinuxException {
        List<Fd> descriptors = new ArrayList<>();
        byte[] bytes = new byte[maxBytes];
        int[] flags = new int[1];
        fd.use();
        try {
            int n = (int) Native.call("receive from a Unix socket", (memory, errno) -> {
                MemorySegment data = memory.allocate(maxBytes);
                MemorySegment control = memory.allocate(controlSpace(MAX_DESCRIPTORS), 8);
                MemorySegment header = header(memory, data, control);
                long got = (long) RECVMSG.invokeExact(errno, fd.number(), header, MSG_CMSG_CLOEXEC);
                if (got >= 0) {
                    MemorySegment.copy(data, ValueLayout.JAVA_BYTE, 0, bytes, 0, (int) got);
                    flags[0] = header.get(ValueLayout.JAVA_INT, MSG_FLAGS);
                    collect(control, header.get(ValueLayout.JAVA_LONG, MSG_CONTROLLEN), descriptors);
                }
                return got;
            });
            if ((flags[0] & MSG_CTRUNC) != 0) {
                descriptors.forEach(Fd::close);
                throw new LinuxException("receive descriptors", Errno.EMFILE);
            }
            return new Message(ByteBuffer.wrap(bytes, 0, n).asReadOnlyBuffer(), List.copyOf(descriptors));
        } finally {
            fd.done();
        }
    }

    private static MemorySegment header(Arena memory, MemorySegment data, MemorySegment control) {
        MemorySegment iov = memory.allocate(16, 8);
        iov.set(ValueLayout.ADDRESS, 0, data);
        iov.set(ValueLayout.JAVA_LONG, 8, data.byteSize());
        MemorySegment header = memory.allocate(MSGHDR_BYTES, 8);
        header.set(ValueLayout.ADDRESS, MSG_IOV, iov);
        header.set(ValueLayout.JAVA_LONG, MSG_IOVLEN, 1);
        header.set(ValueLayout.ADDRESS, MSG_CONTROL, control);
        header.set(ValueLayout.JAVA_LONG, MSG_CONTROLLEN, control.byteSize());
        return header;
    }

    private static void collect(MemorySegment control, long length, List<Fd> descriptors) {
        long at = 0;
        while (at + CMSG_HEADER_BYTES <= length) {
            long size = control.get(ValueLayout.JAVA_LONG, at);
            boolean rights = control.get(ValueLayout.JAVA_INT, at + 8) == SOL_SOCKET
                    && control.get(ValueLayout.JAVA_INT, at + 12) == SCM_RIGHTS;
            for (long i = at + CMSG_HEADER_BYTES; rights && i + 4 <= at + size; i += 4) {
                descriptors.add(Fd.own(control.get(ValueLayout.JAVA_INT, i)));
            }
            at += Math.max(CMSG_HEADER_BYTES, (size + 7) & ~7L);
        }
    }

    private static long controlSpace(int descriptors) {
        return CMSG_HEADER_BYTES + ((4L * descriptors + 7) & ~7L);
    }

    @Override
    public void close() {
        fd.close();
    }
}
