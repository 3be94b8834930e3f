package dev.berth.shim;

import dev.berth.linux.Fd;
import dev.berth.linux.Namespaces;
import dev.berth.shim.runtime.BundleConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Settings of the namespaces that a container shares with its pod. CRIU, which finds them in every checkpoint, sets them when it
 * restores a container, also where others of the pod are in the namespace already: so they are read before and put back.
 */
final class SharedSettings {
    private static final Logger LOG = LoggerFactory.getLogger(SharedSettings.class);
    private static final Path SYSCTLS = Path.of("/proc/sys");

    private static final Map<String, List<String>> SETTINGS = Map.of(
            "uts", List.of("kernel/hostname", "kernel/domainname"),
            "ipc",
                    List.of(
                            "kernel/sem",
                            "kernel/msgmax",
                            "kernel/msgmnb",
                            "kernel/msgmni",
                            "kernel/shmmax",
                            "kernel/shmall",
                            "kernel/shmmni",
                            "kernel/shm_rmid_forced",
                            "fs/mqueue/queues_max",
                            "fs/mqueue/msg_max",
                            "fs/mqueue/msgsize_max",
                            "fs/mqueue/msg_default",
                            "fs/mqueue/msgsize_default"));

    private final Map<Path, Map<String, String>> before;

    private SharedSettings(Map<Path, Map<String, String>> before) {
        this.before = before;
    }

    /** Those of the namespaces that a container joins, as they are. */
    static SharedSettings of(BundleConfig config) throws IOException, InterruptedException {
        Map<Path, Map<String, String>> before = new TreeMap<>();
        for (Map.Entry<String, List<String>> each : SETTINGS.entrySet()) {
            Optional<Path> namespace = config.namespace(each.getKey());
            if (namespace.isPresent()) {
                try (Fd open = Namespaces.open(namespace.get())) {
                    before.put(namespace.get(), Namespaces.enter(List.of(open), () -> read(each.getValue())));
                }
            }
        }
        return new SharedSettings(before);
    }

    private static Map<String, String> read(List<String> names) throws IOException {
        Map<String, String> values = new TreeMap<>();
        for (String name : names) {
            Path file = SYSCTLS.resolve(name);
            if (Files.exists(file)) {
                values.put(name, Files.readString(file).strip());
            }
        }
        return values;
    }

    /** Sets them to what they were; what cannot be set is told in the log only. */
    void putBack() {
        boolean interrupted = Thread.interrupted(); // who has gone does not need them, the others in the pod do
        for (Map.Entry<Path, Map<String, String>> each : before.entrySet()) {
            try (Fd open = Namespaces.open(each.getKey())) {
                Namespaces.enter(List.of(open), () -> write(each.getValue()));
            } catch (IOException e) {
                LOG.error("{}: its settings may be those of a checkpoint", each.getKey(), e);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static boolean write(Map<String, String> values) throws IOException {
        Map<String, String> now = read(List.copyOf(values.keySet()));
        for (Map.Entry<String, String> each : values.entrySet()) {
            if (!each.getValue().equals(now.get(each.getKey()))) {
                Files.writeString(SYSCTLS.resolve(each.getKey()), each.getValue());
            }
        }
        return true;
    }
}
