package dev.berth.images.registry;

import dev.berth.oci.Digest;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Which mirrors gave bytes of which blob, so that one who gave wrong ones is not asked for them again. The registry itself is always
 * believed in so far as there is nobody after it. Thread-safe.
 */
final class Givers {
    private final Map<Digest, Set<String>> gave = new ConcurrentHashMap<>();
    private final Map<Digest, Set<String>> wrong = new ConcurrentHashMap<>();

    void gave(Digest blob, Host host) {
        if (host.role() == Host.Role.MIRROR) {
            gave.computeIfAbsent(blob, it -> ConcurrentHashMap.newKeySet()).add(host.authority());
        }
    }

    boolean isWrong(Digest blob, Host host) {
        return wrong.getOrDefault(blob, Set.of()).contains(host.authority());
    }

    /** How many hosts are not asked for a blob any more. */
    int wrong(Digest blob) {
        return wrong.getOrDefault(blob, Set.of()).size();
    }

    /**
     * What came was not the blob.
     *
     * @return whether somebody gave it who will not be asked again
     */
    boolean reject(Digest blob) {
        Set<String> givers = gave.remove(blob);
        return givers != null
                && wrong.computeIfAbsent(blob, it -> ConcurrentHashMap.newKeySet())
                        .addAll(givers);
    }
}
