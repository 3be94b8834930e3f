package dev.berth.images;

import java.nio.file.Path;
import java.time.Instant;

/**
 * What images take on disk, from running totals; nothing is walked.
 *
 * @param mountpoint a directory on the file system that holds them
 * @param usedBytes packed content and unpacked layers
 * @param usedInodes files of the same
 * @param at when that was so
 */
public record ImageFs(Path mountpoint, long usedBytes, long usedInodes, Instant at) {}
