package dev.berth.tasks;

/**
 * How a command in a container ended and what it said.
 *
 * @param stdout at most 16 MiB; what came after was thrown away
 * @param stderr likewise
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record ExecResult(Exit exit, byte[] stdout, byte[] stderr) {}
