package dev.berth.kernel.log;

import java.util.logging.LogManager;

/**
 * Loggers that go on while the program ends: the platform's own take their handlers away when the end begins, and what is said of the
 * end would be lost. They have no configuration file either. The platform makes this by its name.
 */
public final class LastingLogs extends LogManager {
    /** For the platform. */
    public LastingLogs() {}

    @Override
    public void readConfiguration() {}

    @Override
    public void reset() {}
}
