package dev.berth.cri.streaming;

import java.io.IOException;
import java.nio.channels.SocketChannel;

/** Connects to a port of a pod. */
public interface PortOpener {
    /**
     * Opens one connection, in blocking mode.
     *
     * @throws IOException if nobody listens; the message is for the client
     */
    SocketChannel open(int port) throws IOException, InterruptedException;
}
