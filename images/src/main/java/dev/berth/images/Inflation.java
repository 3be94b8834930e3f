package dev.berth.images;

import dev.berth.linux.Igzip;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import java.util.zip.ZipException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Unpacks one raw deflate stream after the other. */
sealed interface Inflation extends AutoCloseable {
    /** The quickest one of this machine. */
    static Inflation open() {
        return Igzip.open().<Inflation>map(Isal::new).orElseGet(Zlib::new);
    }

    /** Says once in a daemon's life what it will be. */
    static void tell() {
        Logger log = LoggerFactory.getLogger(Inflation.class);
        try (Inflation inflation = open()) {
            switch (inflation) {
                case Isal _ -> log.info("gzip is unpacked by ISA-L");
                case Zlib _ ->
                    log.info("gzip is unpacked by zlib; with the package libisal2 it would take half the time");
            }
        }
    }

    /** Ready for another stream; what was left of the input is forgotten. */
    void reset();

    /** Takes further bytes when all before were used: at most 64 KiB, which must not change until then. */
    void input(byte[] bytes, int from, int length);

    /**
     * Unpacks what it can.
     *
     * @return 0 if it needs input, or is finished
     * @throws ZipException if this is no deflate stream
     */
    int inflate(byte[] into, int from, int length) throws ZipException;

    /** Whether the stream has ended. */
    boolean finished();

    /** Bytes of the input that were not used. */
    int remaining();

    @Override
    void close();

    /** The JDK's. */
    record Zlib(Inflater inflater) implements Inflation {
        Zlib() {
            this(new Inflater(true));
        }

        @Override
        public void reset() {
            inflater.reset();
        }

        @Override
        public void input(byte[] bytes, int from, int length) {
            inflater.setInput(bytes, from, length);
        }

        @Override
        public int inflate(byte[] into, int from, int length) throws ZipException {
            try {
                int count = inflater.inflate(into, from, length);
                if (count == 0 && inflater.needsDictionary()) {
                    throw new ZipException("the deflate stream asks for a dictionary");
                }
                return count;
            } catch (DataFormatException e) {
                throw new ZipException("the deflate stream is damaged: " + e.getMessage());
            }
        }

        @Override
        public boolean finished() {
            return inflater.finished();
        }

        @Override
        public int remaining() {
            return inflater.getRemaining();
        }

        @Override
        public void close() {
            inflater.end();
        }
    }

    /** ISA-L's. */
    record Isal(Igzip igzip) implements Inflation {
        @Override
        public void reset() {
            igzip.reset();
        }

        @Override
        public void input(byte[] bytes, int from, int length) {
            igzip.input(bytes, from, length);
        }

        @Override
        public int inflate(byte[] into, int from, int length) throws ZipException {
            return igzip.inflate(into, from, length);
        }

        @Override
        public boolean finished() {
            return igzip.finished();
        }

        @Override
        public int remaining() {
            return igzip.remaining();
        }

        @Override
        public void close() {
            igzip.close();
        }
    }
}
