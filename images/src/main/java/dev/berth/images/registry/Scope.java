package dev.berth.images.registry;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * What a token is to be good for.
 *
 * @param resource as in {@code repository:library/busybox}
 * @param actions as in {@code pull}
 * @see <a href="https://distribution.github.io/distribution/spec/auth/scope/">Token scopes</a>
 */
record Scope(String resource, Set<String> actions) {
    static Scope pull(String repository) {
        return new Scope("repository:" + repository, Set.of("pull"));
    }

    static Scope push(String repository) {
        return new Scope("repository:" + repository, Set.of("pull", "push"));
    }

    /** Reads what a challenge asks for: scopes with blanks between them. */
    static List<Scope> parse(String text) {
        List<Scope> scopes = new ArrayList<>();
        for (String each : text.strip().split("\\s+", -1)) {
            int colon = each.lastIndexOf(':');
            if (colon > 0) {
                Set<String> actions =
                        new TreeSet<>(List.of(each.substring(colon + 1).split(",", -1)));
                scopes.add(new Scope(each.substring(0, colon), actions));
            }
        }
        return scopes;
    }

    /** All of them, each resource once. */
    static List<Scope> merge(Collection<Scope> some, Collection<Scope> more) {
        Map<String, Set<String>> byResource = new LinkedHashMap<>();
        for (Collection<Scope> each : List.of(some, more)) {
            each.forEach(it -> byResource
                    .computeIfAbsent(it.resource, name -> new TreeSet<>())
                    .addAll(it.actions));
        }
        return byResource.entrySet().stream()
                .map(it -> new Scope(it.getKey(), it.getValue()))
                .toList();
    }

    /** As it is written in a request: {@code repository:library/busybox:pull,push}. */
    @Override
    public String toString() {
        return resource + ":" + String.join(",", new TreeSet<>(actions));
    }
}
