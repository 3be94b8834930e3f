package dev.berth.cri.streaming;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** What is said before the protocol changes, or instead of it. */
final class HttpAnswer {
    private HttpAnswer() {}

    /** Agrees to another protocol. */
    static void switching(OutputStream out, String protocol, List<String> headers) throws IOException {
        var text = new StringBuilder("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ")
                .append(protocol)
                .append("\r\n");
        headers.forEach(header -> text.append(header).append("\r\n"));
        out.write(text.append("\r\n").toString().getBytes(StandardCharsets.ISO_8859_1));
    }

    /** Refuses; the connection is to be closed after this. */
    static void refuse(OutputStream out, HttpRefusal refusal) throws IOException {
        byte[] body = (refusal.getMessage() + "\n").getBytes(StandardCharsets.UTF_8);
        var text = new StringBuilder("HTTP/1.1 ")
                .append(refusal.status())
                .append(' ')
                .append(refusal.phrase())
                .append("\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ")
                .append(body.length)
                .append("\r\n");
        refusal.headers().forEach(header -> text.append(header).append("\r\n"));
        out.write(text.append("\r\n").toString().getBytes(StandardCharsets.ISO_8859_1));
        out.write(body);
    }
}
