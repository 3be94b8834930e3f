package dev.berth.daemon.demo;

import dev.berth.images.sample.ServedRegistry;
import java.io.Console;
import java.io.PrintStream;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import org.jspecify.annotations.Nullable;

/** A progress bar on a terminal, nothing elsewhere. What it shows are the bytes that the demo's registry has sent. */
final class PullBar implements AutoCloseable {
    private final @Nullable ProgressBar bar;
    private final @Nullable ScheduledExecutorService timer;
    private final ServedRegistry registry;

    private PullBar(@Nullable ProgressBar bar, @Nullable ScheduledExecutorService timer, ServedRegistry registry) {
        this.bar = bar;
        this.timer = timer;
        this.registry = registry;
    }

    static PullBar start(ServedRegistry registry, PrintStream out) {
        boolean terminal = Optional.ofNullable(System.console())
                .filter(Console::isTerminal)
                .isPresent();
        if (!terminal) {
            return new PullBar(null, null, registry);
        }
        ProgressBar bar = new ProgressBarBuilder()
                .setTaskName("pulling")
                .setInitialMax(registry.totalBytes())
                .setUnit(" KiB", 1024)
                .setUpdateIntervalMillis(50)
                .build();
        ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(
                Thread.ofPlatform().daemon().name("progress").factory());
        var _ = timer.scheduleAtFixedRate(() -> bar.stepTo(registry.servedBytes()), 0, 20, TimeUnit.MILLISECONDS);
        out.flush();
        return new PullBar(bar, timer, registry);
    }

    void done() {
        if (bar != null) {
            bar.stepTo(registry.totalBytes());
        }
    }

    @Override
    public void close() {
        if (timer != null) {
            timer.shutdownNow();
        }
        if (bar != null) {
            bar.close();
        }
    }
}
