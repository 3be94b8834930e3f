package dev.berth.linux;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;

/** Sends one datagram to a Unix socket, which java.nio cannot: how a service talks to systemd. */
public final class NotifySocket {
    private static final int SOCK_DGRAM_CLOEXEC = 2 | Fd.O_CLOEXEC;
    private static final int PATH_OFFSET = 2;
    private static final int MAX_PATH_BYTES = 107;

    private static final MethodHandle SOCKET =
            Native.withErrno("socket", Native.INT, Native.INT, Native.INT, Native.INT);
    private static final MethodHandle CONNECT =
            Native.withErrno("connect", Native.INT, Native.INT, Native.POINTER, Native.INT);

    private NotifySocket() {}

    /**
     * Sends a message.
     *
     * @param address a path, or a name in the abstract space that begins with {@code @}
     * @throws LinuxException ECONNREFUSED or ENOENT if nobody listens
     */
    public static void send(String address, byte[] message) throws LinuxException {
        byte[] name = address.getBytes(StandardCharsets.UTF_8);
        if (name.length == 0 || name.length > MAX_PATH_BYTES) {
            throw new LinuxException("use \"" + address + "\" as a socket", Errno.ENAMETOOLONG);
        }
        if (name[0] == '@') {
            name[0] = 0;
        }
        try (Fd socket = Fd.own((int) Native.call("make a Unix socket", (memory, errno) ->
                (int) SOCKET.invokeExact(errno, UnixSocket.AF_UNIX, SOCK_DGRAM_CLOEXEC, 0)))) {
            Native.call("connect to " + address, (memory, errno) -> {
                MemorySegment target = memory.allocate(PATH_OFFSET + name.length + 1, 8);
                target.set(ValueLayout.JAVA_SHORT, 0, (short) UnixSocket.AF_UNIX);
                MemorySegment.copy(name, 0, target, ValueLayout.JAVA_BYTE, PATH_OFFSET, name.length);
                return (int) CONNECT.invokeExact(errno, socket.number(), target, PATH_OFFSET + name.length);
            });
            socket.write(message);
        }
    }
}
