package dev.berth.shim;

import dev.berth.linux.Errno;
import dev.berth.linux.Fd;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Pidfd;
import dev.berth.linux.Platform;
import dev.berth.linux.ProcStat;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Handles of containers' first processes that outlive the supervisor: kept in the vault, where the kernel can (6.14), so that
 * even an end that nobody saw is told with its exit status (6.15). Thread-safe.
 */
final class Pins {
    private static final Logger LOG = LoggerFactory.getLogger(Pins.class);

    private final Vault vault;
    private volatile boolean supported = true;

    Pins(Vault vault) {
        this.vault = vault;
    }

    /**
     * Keeps a handle until {@link #drop}; does nothing where the kernel cannot, or if it is kept already.
     *
     * @param coming waits for the handle
     */
    void keep(ProcessRecord process, Platform.Call<Fd, IOException> coming) throws InterruptedException {
        Path place = place(process.task());
        if (!supported || Files.exists(place)) {
            return;
        }
        try {
            StateDir.make(place.resolveSibling(""));
            vault.keep(place, coming);
        } catch (LinuxException e) {
            supported = !e.is(Errno.EINVAL);
            LOG.info(
                    "the kernel keeps no handles of processes ({}); an exit while no supervisor runs is 255",
                    e.getMessage());
        } catch (IOException e) {
            LOG.warn("{}: its handle cannot be kept", process.what(), e);
        }
    }

    /** Finds a process of an earlier supervisor, alive or, if its handle was kept, dead; empty if it cannot be found. */
    Optional<Pidfd> find(ProcessRecord process) throws InterruptedException {
        try {
            Optional<Pidfd> kept = process.isExec() ? Optional.empty() : findKept(process);
            return kept.isPresent() ? kept : findAlive(process);
        } catch (IOException e) {
            LOG.warn("{}: it cannot be found again", process.what(), e);
            return Optional.empty();
        }
    }

    private Optional<Pidfd> findKept(ProcessRecord process) throws IOException, InterruptedException {
        Path place = place(process.task());
        if (!Files.exists(place)) {
            return Optional.empty();
        }
        Fd opened = vault.open(List.of(place)).values().iterator().next();
        Pidfd handle = Pidfd.ofFd(process.pid(), opened);
        try {
            boolean _ = handle.signal(0);
            return Optional.of(handle);
        } catch (LinuxException e) {
            handle.close(); // a plain file: we died between making the place and filling it
            Files.delete(place);
            return Optional.empty();
        }
    }

    /** The process of that number, if it is still the same: opened first, then compared. */
    private static Optional<Pidfd> findAlive(ProcessRecord process) throws IOException {
        Pidfd handle;
        try {
            handle = Pidfd.open(process.pid());
        } catch (LinuxException e) {
            return Optional.empty();
        }
        boolean same = ProcStat.of(process.pid())
                .filter(stat -> stat.startTime() == process.startTime())
                .isPresent();
        if (!same) {
            handle.close();
            return Optional.empty();
        }
        return Optional.of(handle);
    }

    void drop(TaskKey task) throws IOException {
        Vault.drop(place(task));
    }

    private Path place(TaskKey task) {
        return vault.directory().resolve("processes").resolve(task.namespace()).resolve(task.id());
    }
}
