package dev.berth.store;

/** What a written record must survive before its writer goes on. */
public enum Durability {
    /** The end of this process, by kill -9 too. Costs microseconds. A power loss may take the last of these, newest first. */
    PROCESS,

    /** A pulled plug. Costs one flush of the log, shared by all who wait at that moment. */
    POWER
}
