package dev.berth.shim.stdio;

import dev.berth.linux.Errno;
import dev.berth.linux.Fd;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Poller;
import dev.berth.linux.Tee;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Moves bytes between a terminal and a FIFO on a virtual thread, inside the kernel: what was read from the one is in the
 * other, also when this process is killed in between.
 */
final class Relay {
    private static final Logger LOG = LoggerFactory.getLogger(Relay.class);

    private Relay() {}

    /**
     * Begins. It ends for good when one of the two is closed.
     *
     * @param atEnd runs when nothing more will come
     */
    static void start(String name, Fd from, Fd to, Runnable atEnd) {
        Thread.ofVirtual().name(name).start(() -> {
            try {
                run(from, to);
                atEnd.run();
            } catch (LinuxException e) {
                if (e.is(Errno.EIO)) { // nobody has the other side of the terminal open
                    atEnd.run();
                } else if (!e.is(Errno.EBADF)) {
                    LOG.warn("{} is cut short", name, e);
                    atEnd.run();
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
    }

    private static void run(Fd from, Fd to) throws LinuxException, InterruptedException {
        do { // asking before each move also gives way to others while there is a flood
            Poller.awaitReadable(from, Poller.FOREVER);
            Poller.awaitWritable(to, Poller.FOREVER);
        } while (Tee.splice(from, to, Buffers.CHUNK_BYTES) >= 0);
    }
}
