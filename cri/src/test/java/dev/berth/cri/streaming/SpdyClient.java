package dev.berth.cri.streaming;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.zip.DataFormatException;
import java.util.zip.Deflater;
import java.util.zip.Inflater;

/** SPDY/3.1 as a client speaks it, with a real compressor and a reader that checks every frame. */
final class SpdyClient implements Closeable {
    private final Closeable connection;
    private final DataInputStream in;
    private final DataOutputStream out;
    private final Deflater deflater = new Deflater();
    private final Inflater inflater = new Inflater();
    private final Map<Integer, ByteArrayOutputStream> data = new HashMap<>();
    private final Set<Integer> accepted = new HashSet<>();
    private final Map<Integer, Integer> resets = new HashMap<>();
    private final Set<Integer> ended = new HashSet<>();
    private final List<Integer> pongs = new ArrayList<>();
    private final Map<Integer, Integer> credit = new HashMap<>();
    private boolean goneAway;
    private int next = 1;

    SpdyClient(InputStream in, OutputStream out, Closeable connection) {
        this.connection = connection;
        this.in = new DataInputStream(in);
        this.out = new DataOutputStream(out);
        deflater.setDictionary(SpdyHeaders.dictionary());
    }

    /** Upgrades, offering protocols. */
    static SpdyClient open(String url, String... protocols) throws IOException {
        HttpClientSide http = HttpClientSide.connect(url);
        var lines = new ArrayList<>(List.of(
                "POST " + HttpClientSide.path(url) + " HTTP/1.1",
                "Host: x",
                "Content-Length: 0",
                "Connection: Upgrade",
                "Upgrade: SPDY/3.1"));
        for (String protocol : protocols) {
            lines.add("X-Stream-Protocol-Version: " + protocol);
        }
        List<String> head = http.ask(lines.toArray(new String[0]));
        if (http.status() != 101) {
            http.close();
            throw new IOException(head.toString());
        }
        return new SpdyClient(http.in(), http.out(), http);
    }

    /** Opens a stream; the pairs are header names and values. */
    int stream(String... headers) throws IOException {
        int id = next;
        next += 2;
        var plain = new ByteArrayOutputStream();
        try (var words = new DataOutputStream(plain)) {
            words.writeInt(headers.length / 2);
            for (String word : headers) {
                words.writeInt(word.length());
                words.write(word.getBytes(StandardCharsets.UTF_8));
            }
        }
        byte[] block = compress(plain.toByteArray());
        control(1, 0, 10 + block.length);
        out.writeInt(id);
        out.writeInt(0);
        out.writeShort(0);
        out.write(block);
        out.flush();
        return id;
    }

    private byte[] compress(byte[] plain) {
        deflater.setInput(plain);
        byte[] buffer = new byte[4096];
        int n = deflater.deflate(buffer, 0, buffer.length, Deflater.SYNC_FLUSH);
        return Arrays.copyOf(buffer, n);
    }

    private void control(int type, int flags, int length) throws IOException {
        out.writeInt(0x80030000 | type);
        out.writeInt((flags << 24) | length);
    }

    void send(int id, byte[] bytes, boolean last) throws IOException {
        out.writeInt(id);
        out.writeInt((last ? 1 << 24 : 0) | bytes.length);
        out.write(bytes);
        out.flush();
    }

    void send(int id, String text) throws IOException {
        send(id, text.getBytes(StandardCharsets.UTF_8), false);
    }

    void end(int id) throws IOException {
        send(id, new byte[0], true);
    }

    void reset(int id) throws IOException {
        control(3, 0, 8);
        out.writeInt(id);
        out.writeInt(5);
        out.flush();
    }

    void ping(int id) throws IOException {
        control(6, 0, 4);
        out.writeInt(id);
        out.flush();
    }

    /** Reads one frame and notes what it says. */
    void read() throws IOException {
        int first = in.readInt();
        int second = in.readInt();
        byte[] body = in.readNBytes(second & 0xffffff);
        if (first > 0) {
            data.computeIfAbsent(first, _ -> new ByteArrayOutputStream()).write(body);
            if (second >>> 24 == 1) {
                ended.add(first);
            }
            return;
        }
        var fields = new DataInputStream(new ByteArrayInputStream(body));
        switch (first & 0xffff) {
            case 2 -> {
                accepted.add(fields.readInt());
                checkNoHeaders(fields.readAllBytes());
            }
            case 3 -> resets.put(fields.readInt(), fields.readInt());
            case 6 -> pongs.add(fields.readInt());
            case 7 -> goneAway = true;
            case 9 -> credit.merge(fields.readInt(), fields.readInt(), Integer::sum);
            default -> throw new IOException("frame of type " + (first & 0xffff));
        }
    }

    private void checkNoHeaders(byte[] block) throws IOException {
        try {
            inflater.setInput(block);
            byte[] plain = new byte[16];
            int n = inflater.inflate(plain);
            if (n == 0 && inflater.needsDictionary()) {
                inflater.setDictionary(SpdyHeaders.dictionary());
                n = inflater.inflate(plain);
            }
            if (n != 4 || plain[3] != 0 || inflater.getRemaining() != 0) {
                throw new IOException("a reply's headers are " + n + " bytes");
            }
        } catch (DataFormatException e) {
            throw new IOException(e);
        }
    }

    /** Reads until the server has ended a stream and returns all that came on it. */
    String untilEnd(int id) throws IOException {
        while (!ended.contains(id)) {
            read();
        }
        return text(id);
    }

    String untilText(int id, String wanted) throws IOException {
        while (!text(id).contains(wanted)) {
            read();
        }
        return text(id);
    }

    void untilAccepted(int id) throws IOException {
        while (!accepted.contains(id)) {
            read();
        }
    }

    int untilReset(int id) throws IOException {
        while (!resets.containsKey(id)) {
            read();
        }
        return resets.get(id);
    }

    void untilGoneAway() throws IOException {
        while (!goneAway) {
            read();
        }
    }

    void untilPong(int id) throws IOException {
        while (!pongs.contains(id)) {
            read();
        }
    }

    /** @param id 0 for the whole connection */
    void untilCredit(int id, int bytes) throws IOException {
        while (credit(id) < bytes) {
            read();
        }
    }

    int credit(int id) {
        return credit.getOrDefault(id, 0);
    }

    String text(int id) {
        var bytes = data.get(id);
        return bytes == null ? "" : bytes.toString(StandardCharsets.UTF_8);
    }

    @Override
    public void close() throws IOException {
        deflater.end();
        inflater.end();
        connection.close();
    }
}
