package dev.berth.shim;

import dev.berth.kernel.Carriers;
import dev.berth.kernel.Fault;
import dev.berth.kernel.IdleHeap;
import dev.berth.kernel.Ticker;
import dev.berth.kernel.log.Log;
import dev.berth.linux.MappedFiles;
import java.io.IOException;
import java.time.InstantSource;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The supervisor as a program. It ends on SIGTERM or when its daemon asks; containers live on. */
public final class Main {
    private static final Logger LOG = LoggerFactory.getLogger(Main.class);

    private Main() {}

    public static void main(String[] arguments) throws IOException, InterruptedException {
        Carriers.provide();
        Log.begin(System.getProperty("berth.log.level", "info"), "text"); // the daemon says how much
        try {
            Options options = Options.parse(List.of(arguments));
            run(options);
        } catch (Fault fault) {
            LOG.error("{}", fault.getMessage());
            System.exit(1);
        }
    }

    private static void run(Options options) throws IOException, InterruptedException {
        try (Supervisor supervisor = Supervisor.open(options, InstantSource.system(), Ticker.system());
                var _ = IdleHeap.watch(Ticker.system(), MappedFiles::letGo)) {
            Runtime.getRuntime().addShutdownHook(new Thread(supervisor::close, "end"));
            supervisor.awaitEnd();
        }
    }
}
