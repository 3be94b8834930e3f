package dev.berth.shim;

import dev.berth.kernel.Ids;
import dev.berth.kernel.Namespace;

/** The name of a container or a pod: an id in a namespace of containerd's API. */
record TaskKey(String namespace, String id) implements Comparable<TaskKey> {
    private static final String INIT_OF_POD = "berth-init.";

    TaskKey {
        namespace = new Namespace(namespace).name();
        Ids.check("task id", id);
    }

    /** The task that is the init of a pod of this name: ours alone, no client sees it. */
    TaskKey initOfPod() {
        return new TaskKey(INIT_OF_POD + namespace, id);
    }

    /** True for {@link #initOfPod}. */
    boolean isInternal() {
        return namespace.startsWith(INIT_OF_POD);
    }

    @Override
    public int compareTo(TaskKey other) {
        int byNamespace = namespace.compareTo(other.namespace);
        return byNamespace != 0 ? byNamespace : id.compareTo(other.id);
    }

    @Override
    public String toString() {
        return namespace + "/" + id;
    }
}
