package dev.berth.daemon.cli;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.berth.kernel.Ticker;
import dev.berth.wire.containerd.transfertypes.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * How far a transfer is: on a terminal a bar for each layer, elsewhere a line for each step of one. Told from one thread and closed
 * from another.
 */
final class LayerBars implements SideStream.Receiver, AutoCloseable {
    private static final Duration BETWEEN = Duration.ofMillis(80);
    private static final int WIDTH = 24;
    private static final int MOST_BARS = 16;
    private static final String LAYER = "layer-sha256:";
    private static final int SHORT = 12;
    /** What is too long for the terminal is cut off and does not go on in the next line, where the cursor would miss it. */
    private static final String CUT = "\u001b[?7l";

    private static final String WRAP = "\u001b[?7h";

    /** How one is drawn. */
    enum Style {
        BARS,
        LINES,
        NOTHING
    }

    /** What was last said of a layer. */
    private record Layer(String name, String event, long done, long total) {
        boolean isOver() {
            return isDone() || event.equals("already exists");
        }

        boolean isDone() {
            return event.equals("complete") || event.equals("extracted");
        }
    }

    private final Appendable out;
    private final Style style;
    private final Ticker ticker;
    private final Map<String, Layer> layers = new LinkedHashMap<>();
    private final List<String> saved = new ArrayList<>();
    private int drawn;
    private long drawnAt;
    private boolean closed;

    LayerBars(Appendable out, Style style, Ticker ticker) {
        this.out = out;
        this.style = style;
        this.ticker = ticker;
        this.drawnAt = ticker.nanos() - BETWEEN.toNanos();
    }

    static LayerBars on(Terminal terminal, boolean quiet) {
        boolean movesItsCursor =
                terminal.interactive() && !"dumb".equals(System.getenv("TERM")) && errorsGoWhereOutputGoes();
        Style loud = movesItsCursor ? Style.BARS : Style.LINES;
        return new LayerBars(terminal.err(), quiet ? Style.NOTHING : loud, Ticker.system());
    }

    /** Errors may go to a file while somebody sits at a terminal. */
    private static boolean errorsGoWhereOutputGoes() {
        try {
            return Files.readSymbolicLink(Path.of("/proc/self/fd/2"))
                    .equals(Files.readSymbolicLink(Path.of("/proc/self/fd/1")));
        } catch (IOException e) {
            return false; // it is closed
        }
    }

    /** The names that images got. */
    synchronized List<String> saved() {
        return List.copyOf(saved);
    }

    @Override
    public void got(SideStream stream, Any message) throws IOException {
        if (SideStream.type(message).equals("Progress")) {
            try {
                told(Progress.parseFrom(message.getValue()));
            } catch (InvalidProtocolBufferException e) {
                throw new IOException("what the daemon says of its progress is malformed", e);
            }
        }
    }

    synchronized void told(Progress progress) throws IOException {
        if (closed) {
            return;
        }
        if (progress.getEvent().equals("saved")) {
            saved.add(progress.getName());
        }
        if (!progress.getName().startsWith(LAYER)) {
            return;
        }
        String name = progress.getName().substring(LAYER.length());
        var now = new Layer(
                name.substring(0, Math.min(SHORT, name.length())),
                progress.getEvent(),
                progress.getProgress(),
                progress.getTotal());
        Layer before = layers.put(name, now);
        boolean step = before == null || !before.event().equals(now.event());
        switch (style) {
            case LINES -> {
                if (step && !now.event().equals("waiting")) {
                    line(now);
                }
            }
            case BARS -> {
                if (ticker.since(drawnAt).compareTo(BETWEEN) >= 0) {
                    draw();
                }
            }
            case NOTHING -> {}
        }
    }

    private void line(Layer layer) throws IOException {
        out.append("layer ").append(layer.name()).append(": ").append(word(layer));
        if (layer.total() > 0) {
            out.append(", ").append(Amounts.bytes(layer.total()));
        }
        out.append('\n');
    }

    private static String word(Layer layer) {
        return Terminal.harmless(layer.isDone() ? "done" : layer.event());
    }

    /** Writes over what it drew last. When there are more than fit, those that are over are left out first. */
    private void draw() throws IOException {
        drawnAt = ticker.nanos();
        var picture = new StringBuilder(CUT); // written at once: who interrupts us keeps a terminal as it was
        if (drawn > 0) {
            picture.append("\u001b[").append(drawn).append('A');
        }
        List<Layer> shown = new ArrayList<>(layers.values());
        for (int i = 0; i < shown.size() && shown.size() > MOST_BARS; ) {
            if (shown.get(i).isOver()) {
                shown.remove(i);
            } else {
                i++;
            }
        }
        shown = shown.subList(0, Math.min(MOST_BARS, shown.size()));
        for (Layer layer : shown) {
            picture.append(bar(layer)).append("\u001b[K\n");
        }
        String rest = layers.values().stream().filter(Layer::isOver).count() + " of " + layers.size() + " layers done";
        picture.append(rest).append("\u001b[K\n\u001b[J").append(WRAP);
        out.append(picture);
        drawn = shown.size() + 1;
    }

    private static String bar(Layer layer) {
        double part =
                layer.isOver() ? 1 : layer.total() <= 0 ? 0 : Math.clamp((double) layer.done() / layer.total(), 0, 1);
        int filled = (int) Math.round(part * WIDTH);
        return layer.name() + " [" + "=".repeat(filled) + " ".repeat(WIDTH - filled) + "] "
                + Amounts.bytes(layer.total()) + " " + word(layer);
    }

    /** Draws what came last. */
    @Override
    public synchronized void close() throws IOException {
        if (!closed && style == Style.BARS && !layers.isEmpty()) {
            draw();
        }
        closed = true;
    }
}
