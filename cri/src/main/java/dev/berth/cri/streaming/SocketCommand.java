package dev.berth.cri.streaming;

import java.io.IOException;
import java.util.concurrent.ExecutorService;

/** An exec or attach over WebSocket: five channels with fixed numbers. */
final class SocketCommand {
    private static final int STDIN = 0;
    private static final int STDOUT = 1;
    private static final int STDERR = 2;
    private static final int ERROR = 3;
    private static final int RESIZE = 4;
    private static final int CHANNELS = 5;
    private static final byte[] NOTHING = {};

    private final Session.Command session;
    private final String protocol;
    private final WebSocket socket;
    private final SocketChannels channels;
    private final Connection connection;
    private final ExecutorService threads;

    SocketCommand(
            Session.Command session, SocketChannels.Setting setting, Connection connection, ExecutorService threads) {
        this.session = session;
        this.protocol = setting.protocol();
        this.socket = setting.socket();
        this.connection = connection;
        this.threads = threads;
        this.channels = new SocketChannels(setting, CHANNELS);
        Session.Wanted wanted = session.wanted();
        closeUnless(wanted.stdin(), STDIN);
        closeUnless(wanted.terminal(), RESIZE);
        for (int output : new int[] {STDOUT, STDERR, ERROR}) {
            channels.in(output).close();
        }
    }

    private void closeUnless(boolean wanted, int channel) {
        if (!wanted) {
            channels.in(channel).close();
        }
    }

    /** Reads the connection until the client has closed it. */
    void serve() throws IOException {
        Session.Wanted wanted = session.wanted();
        int first = wanted.stdout() ? STDOUT : wanted.stderr() ? STDERR : ERROR;
        channels.out(first).write(NOTHING); // what tells old clients that they are connected
        threads.execute(() -> CommandRun.talk(session, connection, this::dropInput, this::talk));
        channels.serve();
    }

    private void talk() throws IOException, InterruptedException {
        Session.Wanted wanted = session.wanted();
        Status status = CommandRun.run(
                session,
                new ClientStreams(
                        wanted.stdin() ? channels.in(STDIN) : null,
                        wanted.stdout() ? channels.out(STDOUT) : null,
                        wanted.stderr() ? channels.out(STDERR) : null,
                        wanted.terminal() ? new TerminalSizes(channels.in(RESIZE)) : null,
                        connection::awaitReaderEnd));
        dropInput();
        byte[] words = status.bytes(Protocols.structuredStatus(protocol));
        if (words.length > 0) {
            channels.out(ERROR).write(words);
        }
        socket.close(WebSocket.NORMAL);
        connection.awaitEnd(CommandRun.CLOSING);
    }

    private void dropInput() {
        channels.in(STDIN).close();
        channels.in(RESIZE).close();
    }
}
