package dev.berth.tasks;

import java.time.Duration;

/**
 * How the daemon's side of the shims does.
 *
 * @param supervisorRestarts supervisors that were started in the place of one that ended
 * @param events events of the supervisor that were taken
 * @param eventsLag age of the newest of them when it was taken
 */
public record Vitals(long supervisorRestarts, long events, Duration eventsLag) {}
