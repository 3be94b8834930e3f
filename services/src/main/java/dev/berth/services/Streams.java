package dev.berth.services;

import dev.berth.kernel.Fault;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** The open streams of all clients, by the names that they gave them. */
final class Streams {
    private record Key(String namespace, String id) {}

    private final Map<Key, ClientStream> open = new ConcurrentHashMap<>();

    /**
     * Notes a stream.
     *
     * @throws Fault ALREADY_EXISTS
     */
    void add(String namespace, String id, ClientStream stream) {
        if (open.putIfAbsent(new Key(namespace, id), stream) != null) {
            throw Fault.alreadyExists("stream " + id, "there is one of this name", "Choose another name");
        }
    }

    void remove(String namespace, String id, ClientStream stream) {
        open.remove(new Key(namespace, id), stream);
    }

    /**
     * One that is open.
     *
     * @throws Fault NOT_FOUND
     */
    ClientStream get(String namespace, String id) {
        ClientStream found = open.get(new Key(namespace, id));
        if (found == null) {
            throw Fault.notFound("stream " + id, "there is none", "Open it before the call that uses it");
        }
        return found;
    }
}
