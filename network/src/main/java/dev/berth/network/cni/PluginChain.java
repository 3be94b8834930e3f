package dev.berth.network.cni;

import dev.berth.kernel.Fault;
import dev.berth.network.PodNetworkRequest;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A list's plugins, run one after the other. */
final class PluginChain {
    private final Plugins plugins;

    PluginChain(Plugins plugins) {
        this.plugins = plugins;
    }

    /**
     * Runs ADD down the list, each plugin with the result of the one before; the last one's result is the list's.
     *
     * @param each gets every result, for the {@link #delete} of an ADD that fails on the way
     */
    JsonObject add(NetworkList list, PodArguments pod, Consumer<JsonObject> each) throws InterruptedException {
        JsonObject result = null;
        for (JsonObject plugin : list.plugins()) {
            String output = plugins.run(Plugins.Command.ADD, pod.tell(list.configOf(plugin), result), pod);
            result = result(plugin, output, list.version());
            each.accept(result);
        }
        return result == null ? JsonObject.EMPTY : result;
    }

    private static JsonObject result(JsonObject plugin, String output, CniVersion version) {
        try {
            return CniResult.convert(Json.object(output.getBytes(StandardCharsets.UTF_8)), version);
        } catch (IllegalArgumentException e) {
            throw Fault.internal(
                            "CNI plugin " + plugin.text("type") + " ADD",
                            "its answer is of no use: " + e.getMessage(),
                            "Install a version of the plugin that speaks cniVersion " + version.text())
                    .causedBy(e);
        }
    }

    /**
     * Runs DEL up the list, all of it even if some fail. A plugin that refused an ADD because it does not speak the list's
     * version refuses its DEL as well, and has nothing to take away.
     *
     * @param soFar what is known of an ADD that failed on the way; empty if nothing. Some plugins know only by the addresses in
     *     a result what they have to take away.
     */
    void delete(Added added, JsonObject soFar) throws InterruptedException {
        JsonObject known = added.result() != null || soFar.members().isEmpty() ? added.result() : soFar;
        JsonObject previous = added.list().version().isAtLeast(CniVersion.V0_4_0) ? known : null;
        Fault failed = null;
        for (JsonObject plugin : added.list().plugins().reversed()) {
            try {
                run(Plugins.Command.DEL, added, plugin, previous);
            } catch (Fault e) {
                if (added.result() == null
                        && plugins.lacks(plugin.text("type"), added.list().version())) {
                    continue;
                }
                if (failed == null) {
                    failed = e;
                } else {
                    failed.addSuppressed(e);
                }
            }
        }
        if (failed != null) {
            throw failed;
        }
    }

    /** Runs CHECK down the list. */
    void check(Added added) throws InterruptedException {
        for (JsonObject plugin : added.list().plugins()) {
            run(Plugins.Command.CHECK, added, plugin, added.result());
        }
    }

    private void run(Plugins.Command command, Added added, JsonObject plugin, @Nullable JsonObject previous)
            throws InterruptedException {
        JsonObject config = added.pod().tell(added.list().configOf(plugin), previous);
        plugins.run(command, config, added.pod());
    }

    /** Asks every plugin whether it is able to ADD. */
    void status(NetworkList list) throws InterruptedException {
        for (JsonObject plugin : list.plugins()) {
            plugins.run(Plugins.Command.STATUS, list.configOf(plugin));
        }
    }

    /** Tells every plugin which pods there are, so that it may free what belongs to others. */
    void collectGarbage(NetworkList list, List<String> podIds) throws InterruptedException {
        List<JsonObject> valid = podIds.stream()
                .map(id -> JsonObject.of("containerID", id).with("ifname", PodNetworkRequest.INTERFACE))
                .toList();
        for (JsonObject plugin : list.plugins()) {
            plugins.run(Plugins.Command.GC, list.configOf(plugin).with("cni.dev/valid-attachments", valid));
        }
    }
}
