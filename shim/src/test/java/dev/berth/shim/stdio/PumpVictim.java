package dev.berth.shim.stdio;

import dev.berth.kernel.Ticker;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;

/**
 * A process that pumps until it is killed, or, told so, until the pump is drained. Started by {@link PumpKillTest}.
 */
final class PumpVictim {
    private static final Duration FOR_EVER = Duration.ofDays(1);

    private PumpVictim() {}

    public static void main(String[] arguments) throws IOException, InterruptedException {
        try (Pumps pumps = Pumps.open(Path.of(arguments[0]), InstantSource.system(), Ticker.system())) {
            pumps.resume(arguments[1], arguments[2], arguments[3], arguments[4]);
            if (arguments.length == 5) {
                Ticker.system().sleep(FOR_EVER);
            }
            System.exit(pumps.drain(arguments[1], Duration.ofMinutes(2)) ? 0 : 1);
        }
    }
}
