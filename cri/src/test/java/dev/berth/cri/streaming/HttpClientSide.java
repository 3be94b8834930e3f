package dev.berth.cri.streaming;

import java.io.BufferedInputStream;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** A connection to the server, on which a test says exactly what it wants to. */
final class HttpClientSide implements Closeable {
    private static final int LIMIT_MILLIS = 120_000;

    private final Socket socket;
    private final InputStream in;
    private final List<String> head = new ArrayList<>();

    private HttpClientSide(Socket socket) throws IOException {
        this.socket = socket;
        this.in = new BufferedInputStream(socket.getInputStream());
        socket.setSoTimeout(LIMIT_MILLIS);
        socket.setTcpNoDelay(true);
    }

    static HttpClientSide connect(String url) throws IOException {
        return new HttpClientSide(
                new Socket(InetAddress.getLoopbackAddress(), URI.create(url).getPort()));
    }

    /** Sends a request of these lines and reads the head of the answer. */
    List<String> ask(String... lines) throws IOException {
        out().write((String.join("\r\n", lines) + "\r\n\r\n").getBytes(StandardCharsets.ISO_8859_1));
        for (String line = line(); !line.isEmpty(); line = line()) {
            head.add(line);
        }
        return head;
    }

    private String line() throws IOException {
        var line = new StringBuilder();
        for (int b = in.read(); b != '\n'; b = in.read()) {
            if (b < 0) {
                throw new EOFException("no answer");
            }
            line.append((char) b);
        }
        return line.toString().strip();
    }

    /** The status of the answer. */
    int status() {
        return Integer.parseInt(head.getFirst().split(" ", -1)[1]);
    }

    InputStream in() {
        return in;
    }

    OutputStream out() throws IOException {
        return socket.getOutputStream();
    }

    /** Reads until the server has closed; false if it does not. */
    boolean awaitClosed() throws IOException {
        try {
            byte[] ignored = new byte[8192];
            while (in.read(ignored) >= 0) {
                Thread.onSpinWait();
            }
            return true;
        } catch (SocketTimeoutException e) {
            return false;
        } catch (IOException reset) {
            return true;
        }
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }

    static String path(String url) {
        return URI.create(url).getPath();
    }
}
