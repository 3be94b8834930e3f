package dev.berth.shim;

import dev.berth.kernel.Ids;
import dev.berth.kernel.Namespace;

/** The name of a container or a pod: an id in a namespace of containerd's API. */
record TaskKey(String namespace, String id) {
    TaskKey {
        namespace = new Namespace(namespace).name();
        Ids.check("task id", id);
    }

    @Override
    public String toString() {
        return namespace + "/" + id;
    }
}
