package dev.berth.shim.stdio;

/**
 * What is read into a log.
 *
 * @param name the process whose output it is
 * @param stdout path of a FIFO; empty if there is none
 * @param stderr path of a FIFO; empty if there is none
 * @param log path of the log file; empty to throw everything away
 */
record Output(String name, String stdout, String stderr, String log) {}
