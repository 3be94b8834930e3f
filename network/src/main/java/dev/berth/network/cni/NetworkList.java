package dev.berth.network.cni;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * A network as its administrator wrote it down: plugins that run one after the other.
 *
 * @param json the list as it came, kept for the DEL of what it ADDed
 */
record NetworkList(String name, CniVersion version, List<JsonObject> plugins, JsonObject json) {
    private static final Pattern NAME = Pattern.compile("[a-zA-Z0-9][a-zA-Z0-9_.\\-]*");
    private static final String CNI_VERSION = "cniVersion";
    private static final String NAME_MEMBER = "name";
    private static final String PLUGINS = "plugins";
    private static final String TYPE = "type";

    /**
     * Reads a list, or a plugin alone, which is then a list of one.
     *
     * @throws IllegalArgumentException with what is wrong
     */
    static NetworkList parse(byte[] utf8) {
        JsonObject json = Json.object(utf8);
        return of(json.has(PLUGINS) || !json.has(TYPE) ? json : listOf(json));
    }

    private static JsonObject listOf(JsonObject plugin) {
        return JsonObject.of(CNI_VERSION, plugin.text(CNI_VERSION))
                .with(NAME_MEMBER, plugin.text(NAME_MEMBER))
                .with(PLUGINS, List.of(plugin));
    }

    static NetworkList of(JsonObject json) {
        String name = json.text(NAME_MEMBER);
        if (!NAME.matcher(name).matches()) {
            throw new IllegalArgumentException(name.isEmpty() ? "it has no name" : "\"" + name + "\" is not a name");
        }
        List<JsonObject> plugins = json.objects(PLUGINS);
        if (plugins.isEmpty()) {
            throw new IllegalArgumentException("it names no plugins");
        }
        for (JsonObject plugin : plugins) {
            String type = plugin.text(TYPE);
            if (!NAME.matcher(type).matches()) {
                throw new IllegalArgumentException(
                        type.isEmpty() ? "a plugin has no type" : "\"" + type + "\" is not the name of a plugin");
            }
        }
        return new NetworkList(name, version(json), List.copyOf(plugins), json);
    }

    private static CniVersion version(JsonObject json) {
        List<String> offered = new ArrayList<>(json.texts("cniVersions"));
        if (json.has(CNI_VERSION)) {
            offered.add(json.text(CNI_VERSION));
        }
        if (offered.isEmpty()) {
            throw new IllegalArgumentException("it has no cniVersion; known are " + CniVersion.ALL);
        }
        return CniVersion.newest(offered)
                .orElseThrow(() -> new IllegalArgumentException(
                        "cniVersion " + String.join(", ", offered) + " is unknown; known are " + CniVersion.ALL));
    }

    boolean checks() {
        return version.isAtLeast(CniVersion.V0_4_0) && !json.flag("disableCheck");
    }

    boolean collectsGarbage() {
        return version.isAtLeast(CniVersion.V1_1_0) && !json.flag("disableGC");
    }

    boolean hasStatus() {
        return version.isAtLeast(CniVersion.V1_1_0);
    }

    /** The names of the programs. */
    List<String> types() {
        return plugins.stream().map(plugin -> plugin.text(TYPE)).toList();
    }

    /** The same without the plugins of these types. */
    NetworkList without(List<String> types) {
        List<JsonObject> left = plugins.stream()
                .filter(plugin -> !types.contains(plugin.text(TYPE)))
                .toList();
        return new NetworkList(name, version, left, json);
    }

    /** What a plugin reads: its part of the list, with what belongs to all of them. */
    JsonObject configOf(JsonObject plugin) {
        return plugin.with(CNI_VERSION, version.text()).with(NAME_MEMBER, name);
    }
}
