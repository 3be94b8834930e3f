package dev.berth.tasks;

import dev.berth.kernel.Ids;
import dev.berth.kernel.Namespace;

/** Names a task; a container has at most one. */
public record TaskId(String namespace, String id) {
    /** @throws dev.berth.kernel.Fault INVALID_ARGUMENT if one of them may not be part of a path */
    public TaskId {
        namespace = new Namespace(namespace).name();
        id = Ids.check("container id", id);
    }

    @Override
    public String toString() {
        return namespace + "/" + id;
    }
}
