package dev.berth.store;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;

/** The two faults that every kind of record has. */
final class RecordFault {
    private RecordFault() {}

    static Fault notFound(String what, Namespace namespace, String name) {
        return Fault.notFound(what + " " + name, "there is none in namespace " + namespace.name(), "");
    }

    static Fault alreadyExists(String what, Namespace namespace, String name) {
        return Fault.alreadyExists(what + " " + name, "there is one in namespace " + namespace.name() + " already", "");
    }
}
