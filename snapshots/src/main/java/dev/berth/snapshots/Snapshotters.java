package dev.berth.snapshots;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The snapshotters of a node.
 *
 * @param main what runs stands on it
 * @param others that clients may ask for by name
 */
public record Snapshotters(Snapshotter main, List<Snapshotter> others) {
    public Snapshotters {
        others = List.copyOf(others);
    }

    public static Snapshotters of(Snapshotter only) {
        return new Snapshotters(only, List.of());
    }

    /** All, the main one first. */
    public List<Snapshotter> all() {
        return Stream.concat(Stream.of(main), others.stream()).toList();
    }

    public Set<String> names() {
        return all().stream().map(Snapshotter::name).collect(Collectors.toSet());
    }

    public Optional<Snapshotter> find(String name) {
        return all().stream().filter(each -> each.name().equals(name)).findFirst();
    }
}
