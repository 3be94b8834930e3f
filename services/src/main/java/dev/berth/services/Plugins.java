package dev.berth.services;

import dev.berth.oci.Platform;
import dev.berth.snapshots.Snapshotter;
import dev.berth.wire.containerd.introspection.Plugin;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What Berth has, under the names that containerd's plugins have: clients look there for snapshotters and what these can do.
 * Nothing is listed that does not answer.
 */
final class Plugins {
    /** Of the services, by the last part of containerd's name for them. */
    private static final List<String> SERVICES = List.of("cri", "introspection", "namespaces", "version");

    private final List<Plugin> all;

    Plugins(Path root, Snapshotter snapshotter) {
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
        list.add(plugin("snapshotter", snapshotter.name())
                .addPlatforms(platform)
                .putExports("root", root.resolve("snapshots").toString())
                .build());
        list.add(plugin("cri", "images").build());
        list.add(plugin("cri", "runtime").addPlatforms(platform).build());
        SERVICES.forEach(name -> list.add(plugin("grpc", name).build()));
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
