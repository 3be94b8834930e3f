package dev.berth.tasks;

import java.time.Instant;

/**
 * How a process ended.
 *
 * @param status its exit code, or 128 + the number of the signal that ended it; 255 if nobody could see it
 */
public record Exit(int status, Instant at) {}
