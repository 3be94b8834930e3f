package dev.berth.tasks;

import com.google.protobuf.ByteString;

/**
 * How a command in a container ended and what it said. Both streams together have a little less than 16 MiB; what came after
 * was thrown away.
 */
public record ExecResult(Exit exit, ByteString stdout, ByteString stderr) {}
