package dev.berth.images.registry;

import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** How hosts are spoken to whose address does not say it, as it turned out. */
final class Ways {
    private final Map<String, Boolean> overTls = new ConcurrentHashMap<>();
    private final Set<String> trusted = ConcurrentHashMap.newKeySet();

    /** Whether a host is to be spoken to over TLS: as it was last, else as its settings have it. */
    boolean isTls(Host host) {
        return overTls.getOrDefault(host.authority(), host.way() == Host.Way.TLS_FIRST);
    }

    /** Notes what a host has understood. */
    void understood(Host host, boolean tls) {
        overTls.put(host.authority(), tls);
        trusted.add(host.authority());
    }

    /**
     * Whether a way without an answer is the wrong one. Where it has worked, a connection that breaks is one that broke, the first time:
     * a server that is spoken to in the wrong way may say nothing at all, and hold its caller for as long as he waits.
     */
    boolean isWrong(Host host) {
        return !trusted.remove(host.authority());
    }
}
