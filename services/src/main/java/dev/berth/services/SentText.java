package dev.berth.services;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Text for a client over a stream, sent by a thread of its own: nobody waits for a client that does not read. If too much is waiting for
 * it, what comes more is left out, and said to be.
 */
final class SentText implements Consumer<String>, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(SentText.class);
    private static final int MOST_CHARS = 1 << 20;
    private static final Duration LAST_WORDS = Duration.ofSeconds(10);

    /** What waits to be sent. */
    private sealed interface Item {
        record Lines(String text) implements Item {}

        record End() implements Item {}
    }

    private final SentBytes out;
    private final BlockingQueue<Item> waiting = new LinkedBlockingQueue<>();
    private final AtomicInteger chars = new AtomicInteger(); // that wait
    private final AtomicInteger left = new AtomicInteger(); // out
    private final Thread sender;
    private volatile boolean closed;

    SentText(ClientStream stream) {
        this.out = new SentBytes(stream);
        this.sender = Thread.ofVirtual().name("text for a client").start(this::send);
    }

    /** Sends whole lines, in a while; nothing once it is closed. */
    @Override
    public void accept(String lines) {
        if (closed) {
            return;
        }
        if (chars.addAndGet(lines.length()) > MOST_CHARS) {
            chars.addAndGet(-lines.length());
            left.addAndGet(lines.length());
        } else {
            waiting.add(new Item.Lines(lines));
        }
    }

    private void send() {
        try {
            while (waiting.take() instanceof Item.Lines(String text)) {
                chars.addAndGet(-text.length());
                write(text);
                int gone = left.getAndSet(0);
                if (gone > 0) {
                    write("[" + gone + " characters left out: they were not read in time]\n");
                }
            }
            out.drain();
        } catch (IOException e) {
            LOG.debug("a client does not read what it asked for: {}", e.getMessage());
            closed = true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void write(String text) throws IOException {
        out.write(text.getBytes(StandardCharsets.UTF_8));
    }

    /** Sends what is still waiting, for some seconds at the most. Does not close the stream. */
    @Override
    public void close() {
        closed = true;
        waiting.add(new Item.End());
        try {
            if (!sender.join(LAST_WORDS)) {
                sender.interrupt();
            }
        } catch (InterruptedException e) {
            sender.interrupt();
            Thread.currentThread().interrupt();
        }
    }
}
