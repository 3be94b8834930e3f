package dev.berth.services;

import dev.berth.oci.Platform;
import dev.berth.snapshots.Snapshotters;
import dev.berth.wire.containerd.introspection.Plugin;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/**
 * What Berth has, under the names that containerd's plugins have: clients look there for snapshotters and what these can do.
 * Nothing is listed that does not answer.
 */
final class Plugins {
    /** The type of what answers questions about OCI runtimes. */
    static final String RUNTIMES = "io.containerd.runtime.v2";

    private static final int SHORT_NAME = 2; // among the parts of a service's name

    private final List<Plugin> all;

    /** @param services the full names of those that answer, as in {@code containerd.services.images.v1.Images} */
    Plugins(Path root, Snapshotters snapshotters, Collection<String> services) {
        var host = Platform.host();
        var platform = dev.berth.wire.shim.types.Platform.newBuilder()
                .setOs(host.os())
                .setArchitecture(host.architecture())
                .setVariant(host.variant())
                .build();
        var list = new ArrayList<Plugin>();
        list.add(plugin("content", "content")
                .putExports("root", root.resolve("blobs").toString())
                .build());
        list.add(plugin("metadata", "sqlite").build());
        list.add(plugin("gc", "scheduler").build());
        snapshotters
                .all()
                .forEach(each -> list.add(plugin("snapshotter", each.name())
                        .addPlatforms(platform)
                        .putExports("root", each.directory().toString())
                        .build()));
        list.add(Plugin.newBuilder()
                .setType(RUNTIMES)
                .setId("task")
                .addPlatforms(platform)
                .build());
        list.add(plugin("cri", "images").build());
        list.add(plugin("cri", "runtime").addPlatforms(platform).build());
        list.add(plugin("grpc", "cri").build());
        services.forEach(name ->
                list.add(plugin("grpc", name.split("\\.", -1)[SHORT_NAME]).build()));
        all = List.copyOf(list);
    }

    List<Plugin> all() {
        return all;
    }

    Optional<Plugin> find(String type, String id) {
        return all.stream()
                .filter(plugin ->
                        plugin.getType().equals(type) && plugin.getId().equals(id))
                .findFirst();
    }

    static Optional<String> field(Plugin plugin, List<String> path) {
        return switch (path.getFirst()) {
            case "type" -> Optional.of(plugin.getType());
            case "id" -> Optional.of(plugin.getId());
            default -> Optional.empty();
        };
    }

    private static Plugin.Builder plugin(String type, String id) {
        return Plugin.newBuilder().setType("io.containerd." + type + ".v1").setId(id);
    }
}
