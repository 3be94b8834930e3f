package dev.berth.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/** A network namespace that lives as long as one call: nothing that a test does in it reaches the host. */
public final class FreshNetwork {
    private static final int CLONE_NEWNET = 0x40000000;
    private static final MethodHandle UNSHARE = Native.withErrno("unshare", Native.INT, Native.INT);

    private FreshNetwork() {}

    /** Runs the call on a thread in a new network namespace. */
    public static <T> T run(Platform.Call<T, Exception> call) throws Exception {
        return Platform.thread("fresh-network", () -> {
            unshare();
            return call.run();
        });
    }

    /** Makes another one, which lives as long as the descriptor is open. */
    public static Fd open() throws Exception {
        return run(() -> Fd.open(Path.of("/proc/thread-self/ns/net"), Fd.O_RDONLY));
    }

    private static void unshare() throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            Native.check((int) UNSHARE.invokeExact(errno, CLONE_NEWNET), errno, "unshare");
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }
}
