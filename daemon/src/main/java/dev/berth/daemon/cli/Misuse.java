package dev.berth.daemon.cli;

/** A command line that nobody understands: told with what to write instead, and nothing was done. The program ends with 2. */
public final class Misuse extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public Misuse(String message) {
        super(message);
    }
}
