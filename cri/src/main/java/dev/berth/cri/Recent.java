package dev.berth.cri;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** What was made or asked for last, up to a number of things; the rest is read again. Thread-safe. */
final class Recent<K, T> {
    private final Map<K, T> kept = new LinkedHashMap<>(16, 0.75f, true);
    private final int most;

    Recent(int most) {
        this.most = most;
    }

    synchronized void put(K key, T value) {
        kept.put(key, value);
        if (kept.size() > most) {
            kept.remove(kept.keySet().iterator().next()); // the one that was used longest ago
        }
    }

    synchronized Optional<T> get(K key) {
        return Optional.ofNullable(kept.get(key));
    }

    synchronized void forget(K key) {
        kept.remove(key);
    }
}
