package dev.berth.shim;

import io.avaje.jsonb.Json;

/**
 * Output that is read into a log, so that the next supervisor goes on with it.
 *
 * @param execId empty for the container's first process
 * @param stderr empty if there is none
 * @param log empty to throw everything away
 */
@Json
record PumpRecord(String namespace, String id, String execId, String stdout, String stderr, String log) {
    /** The name of the process whose output it is. */
    String name() {
        return name(new TaskKey(namespace, id), execId);
    }

    static String name(TaskKey task, String execId) {
        return task + "/" + execId;
    }
}
