package dev.berth.daemon;

import dev.berth.kernel.Fault;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the config anew when the daemon is told to (SIGHUP). All that can be followed at once is followed, or, if anything in the file
 * is wrong, nothing; what takes a restart is named. What runs goes on as it is.
 */
final class Reload {
    /** Settings that are followed at once. */
    private static final List<Pattern> RELOADED = List.of(
            Pattern.compile("log_level"),
            Pattern.compile("registry\\.(config_path|docker_config|logins_to_mirrors|login\\..*)"),
            Pattern.compile("network\\.(conf_dir|bin_dirs|plugin_seconds)"),
            Pattern.compile("images\\.(discard_unpacked_layers|verifier\\..*)"),
            Pattern.compile("runtime\\.(default|[^.]+\\..*)"),
            Pattern.compile("cri\\..*"),
            Pattern.compile("streaming\\.(tls_certificate|tls_key|idle_minutes)"));

    private static final String DRIVER = "runtime.cgroup_driver";
    private static final Logger LOG = LoggerFactory.getLogger(Reload.class);

    private final Supplier<ConfigFile> source;
    private final Consumer<Config> parts;
    private final ConfigFile started;
    private ConfigFile now;

    /**
     * Waits to be told.
     *
     * @param source reads the file
     * @param started what the daemon was started with
     * @param parts follow a config whole, or throw a fault and follow none of it
     */
    Reload(Supplier<ConfigFile> source, ConfigFile started, Consumer<Config> parts) {
        this.source = source;
        this.parts = parts;
        this.started = started;
        this.now = started;
    }

    /** Does it, and says in the log what came of it. */
    synchronized void run() {
        try {
            ConfigFile next = source.get();
            parts.accept(next.config().after(started.config()));
            tell(next);
            now = next;
        } catch (Fault e) {
            LOG.error("the config was not taken, and the old one stays in force: {}", e.getMessage());
        } catch (RuntimeException e) {
            LOG.error("the config was not taken, and the old one may be in force in part: restart the daemon", e);
        }
    }

    private void tell(ConfigFile next) {
        boolean otherDriver =
                !Objects.equals(next.values().get(DRIVER), started.values().get(DRIVER));
        List<String> followed = differences(now, next).stream()
                .filter(name -> isReloaded(name, otherDriver))
                .toList();
        List<String> later = differences(started, next).stream()
                .filter(name -> !isReloaded(name, otherDriver))
                .toList();
        LOG.info(
                "{} was read anew; {}",
                next.name(),
                followed.isEmpty()
                        ? "files that it names were read too, no setting that is followed at once has changed"
                        : "now in force: " + String.join(", ", followed));
        if (!later.isEmpty()) {
            LOG.warn("these settings take a restart of the daemon to be followed: {}", String.join(", ", later));
        }
    }

    /** @param otherDriver whether the driver of cgroups has changed, on which the options of handlers depend */
    static boolean isReloaded(String name, boolean otherDriver) {
        return RELOADED.stream().anyMatch(pattern -> pattern.matcher(name).matches())
                && !(otherDriver && name.startsWith("runtime."));
    }

    private static List<String> differences(ConfigFile one, ConfigFile other) {
        var names = new TreeSet<>(one.values().keySet());
        names.addAll(other.values().keySet());
        var different = new ArrayList<String>();
        for (String name : names) {
            if (!Objects.equals(one.values().get(name), other.values().get(name))) {
                different.add(name);
            }
        }
        return different;
    }
}
