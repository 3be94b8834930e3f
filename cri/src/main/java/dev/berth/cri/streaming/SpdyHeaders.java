package dev.berth.cri.streaming;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * The headers of one direction of a SPDY/3.1 connection: one zlib stream for all frames, begun with a dictionary that the
 * protocol prescribes. Not thread-safe.
 */
final class SpdyHeaders implements AutoCloseable {
    private static final int LONGEST_BLOCK = 16 << 10;
    private static final int MOST_HEADERS = 64;

    /** Words, each preceded by its length in four bytes. */
    private static final String WORDS = """
            options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age \
            allow authorization cache-control connection content-base content-encoding content-language content-length \
            content-location content-md5 content-range content-type date etag expect expires from host if-match \
            if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma \
            proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade \
            user-agent vary via warning www-authenticate method get status 200+OK version HTTP/1.1 url public set-cookie \
            keep-alive origin""";

    /** What follows them without lengths. */
    private static final String TAIL = """
            100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505\
            203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized\
            403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable\
            Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT\
            chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,\
            text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.""";

    private final Inflater inflater = new Inflater();

    /** The dictionary of SPDY/3 and 3.1. */
    static byte[] dictionary() {
        var bytes = new ByteArrayOutputStream();
        try (var out = new DataOutputStream(bytes)) {
            for (String word : WORDS.split(" ", -1)) {
                byte[] letters = word.replace('+', ' ').getBytes(StandardCharsets.US_ASCII);
                out.writeInt(letters.length);
                out.write(letters);
            }
            out.write(TAIL.getBytes(StandardCharsets.US_ASCII));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    /**
     * Reads one block. After a failure the connection cannot go on: what follows depends on what came before.
     *
     * @return values by name in lower case
     * @throws IOException if it is none, or too large
     */
    Map<String, String> read(byte[] block) throws IOException {
        ByteBuffer plain = ByteBuffer.wrap(inflate(block));
        var headers = new HashMap<String, String>();
        try {
            int count = plain.getInt();
            if (count < 0 || count > MOST_HEADERS) {
                throw new IOException(count + " headers in one frame");
            }
            for (int i = 0; i < count; i++) {
                String name = text(plain);
                headers.put(name, text(plain));
            }
            return headers;
        } catch (BufferUnderflowException e) {
            throw new IOException("a block of headers is cut short", e);
        }
    }

    private static String text(ByteBuffer plain) throws IOException {
        int length = plain.getInt();
        if (length < 0 || length > plain.remaining()) {
            throw new IOException("a block of headers is cut short");
        }
        byte[] bytes = new byte[length];
        plain.get(bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private byte[] inflate(byte[] block) throws IOException {
        var plain = new ByteArrayOutputStream();
        var chunk = new byte[1024];
        inflater.setInput(block);
        try {
            while (true) {
                int n = inflater.inflate(chunk);
                if (n == 0 && inflater.needsDictionary()) {
                    inflater.setDictionary(dictionary());
                } else if (n == 0) {
                    return plain.toByteArray();
                } else {
                    plain.write(chunk, 0, n);
                }
                if (plain.size() > LONGEST_BLOCK) {
                    throw new IOException("a block of headers is too long");
                }
            }
        } catch (DataFormatException | IllegalArgumentException e) {
            throw new IOException("a block of headers is no zlib stream with the dictionary of SPDY/3", e);
        }
    }

    @Override
    public void close() {
        inflater.end();
    }

    /**
     * Blocks without any header, which is all that we ever send: written down, they need no compressor and its quarter of a
     * megabyte for each connection.
     */
    static final class Empty {
        /** Of a zlib stream with a dictionary, and the dictionary's checksum. */
        private static final byte[] START = {0x78, 0x20, (byte) 0xe3, (byte) 0xc6, (byte) 0xa7, (byte) 0xc2};

        /** A stored block with a count of zero, and an empty one, at which readers stop. */
        private static final byte[] NO_HEADERS = {0, 4, 0, (byte) 0xfb, (byte) 0xff, 0, 0, 0, 0, 0, 0, 0, -1, -1};

        private boolean begun;

        byte[] next() {
            if (begun) {
                return NO_HEADERS.clone();
            }
            begun = true;
            return ByteBuffer.allocate(START.length + NO_HEADERS.length)
                    .put(START)
                    .put(NO_HEADERS)
                    .array();
        }
    }
}
