package dev.berth.cri.streaming;

import java.io.IOException;

/** Connects a process with a client. */
public interface RemoteCommand {
    /**
     * Runs until the process has ended or there is nothing more to say to the client.
     *
     * @return the exit status to report; 0 if there is none to speak of
     * @throws dev.berth.kernel.Fault why it could not run or not go on; the client gets the text
     */
    int run(ClientStreams client) throws IOException, InterruptedException;
}
