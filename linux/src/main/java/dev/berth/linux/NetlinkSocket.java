package dev.berth.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A raw netlink socket. It belongs to the network namespace in which its opener's thread was at that moment and stays there,
 * whichever thread uses it later.
 *
 * <p>The kernel answers within the send, so no call waits for a peer; it may wait for a kernel lock that another network
 * change holds (usually below a millisecond, tens of them while interfaces die). Not for two threads at once.
 *
 * @see <a href="https://docs.kernel.org/userspace-api/netlink/intro.html">Introduction to netlink</a>
 */
public final class NetlinkSocket implements AutoCloseable {
    /** Links, addresses, routes. */
    public static final int ROUTE = 0;

    /** nftables, connection tracking. */
    public static final int NETFILTER = 12;

    private static final int AF_NETLINK = 16;
    private static final int SOCK_RAW = 3;
    private static final int SOCK_CLOEXEC = 0x80000;
    private static final int SOL_SOCKET = 1;
    private static final int SO_SNDBUF = 7;
    private static final int SO_RCVTIMEO = 20;
    private static final int SOL_NETLINK = 270;
    private static final int NETLINK_CAP_ACK = 10;
    private static final int NETLINK_EXT_ACK = 11;
    private static final int NETLINK_GET_STRICT_CHK = 12;
    private static final int SEND_BUFFER_BYTES = 1 << 20;
    private static final int RECEIVE_BYTES = 32 * 1024;
    private static final long PATIENCE_SECONDS = 10;

    private static final MethodHandle SOCKET =
            Native.withErrno("socket", Native.INT, Native.INT, Native.INT, Native.INT);
    private static final MethodHandle SETSOCKOPT =
            Native.withErrno("setsockopt", Native.INT, Native.INT, Native.INT, Native.INT, Native.POINTER, Native.INT);
    private static final MethodHandle SEND =
            Native.withErrno("send", Native.LONG, Native.INT, Native.POINTER, Native.LONG, Native.INT);
    private static final MethodHandle RECV =
            Native.withErrno("recv", Native.LONG, Native.INT, Native.POINTER, Native.LONG, Native.INT);

    private final Fd fd;

    private NetlinkSocket(Fd fd) {
        this.fd = fd;
    }

    /**
     * Opens a socket in the network namespace of the calling thread.
     *
     * @param protocol {@link #ROUTE} or {@link #NETFILTER}
     */
    public static NetlinkSocket open(int protocol) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            int number = (int) SOCKET.invokeExact(errno, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
            var socket = new NetlinkSocket(Fd.own(Native.check(number, errno, "open a netlink socket")));
            // Errors come with a sentence, without a copy of the request, and dumps obey their filters.
            socket.option(memory, SOL_NETLINK, NETLINK_EXT_ACK, 1);
            socket.option(memory, SOL_NETLINK, NETLINK_CAP_ACK, 1);
            socket.option(memory, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
            socket.option(memory, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER_BYTES);
            socket.patience(memory);
            return socket;
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    private void option(MemorySegment errno, int level, int name, MemorySegment value) throws Throwable {
        int result =
                (int) SETSOCKOPT.invokeExact(errno, fd.number(), level, name, value, Math.toIntExact(value.byteSize()));
        if (result == -1) {
            var failed = new LinuxException(
                    "setsockopt " + level + "/" + name + " on a netlink socket", Native.errno(errno));
            close();
            throw failed;
        }
    }

    private void option(Arena memory, int level, int name, int value) throws Throwable {
        option(Native.errno(memory), level, name, memory.allocateFrom(Native.INT, value));
    }

    /** A lost answer must become an error and not a thread that waits for ever. */
    private void patience(Arena memory) throws Throwable {
        MemorySegment timeval = memory.allocateFrom(Native.LONG, PATIENCE_SECONDS, 0);
        option(Native.errno(memory), SOL_SOCKET, SO_RCVTIMEO, timeval);
    }

    /** Sends one datagram, which may hold several messages: the bytes between position and limit, which stay where they are. */
    public void send(ByteBuffer messages) throws LinuxException {
        fd.use();
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            long size = messages.remaining();
            MemorySegment bytes = memory.allocate(Math.max(1, size));
            MemorySegment.copy(MemorySegment.ofBuffer(messages), 0, bytes, 0, size);
            long sent = (long) SEND.invokeExact(errno, fd.number(), bytes, size, 0);
            Native.check(sent, errno, "send to netlink");
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        } finally {
            fd.done();
        }
    }

    /**
     * Receives one datagram: one message or several, in the byte order of the machine.
     *
     * @throws LinuxException EAGAIN if nothing came for ten seconds
     */
    public ByteBuffer receive() throws LinuxException {
        fd.use();
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            MemorySegment bytes = memory.allocate(RECEIVE_BYTES);
            long size;
            do {
                size = (long) RECV.invokeExact(errno, fd.number(), bytes, (long) RECEIVE_BYTES, 0);
            } while (size == -1 && Native.errno(errno) == Errno.EINTR);
            Native.check(size, errno, "receive from netlink");
            byte[] copy = bytes.asSlice(0, size).toArray(ValueLayout.JAVA_BYTE);
            return ByteBuffer.wrap(copy).order(ByteOrder.nativeOrder());
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        } finally {
            fd.done();
        }
    }

    @Override
    public void close() {
        fd.close();
    }
}
