package dev.berth.images;

import java.util.List;

/**
 * What a clean-up of images has brought.
 *
 * @param images those that are gone, with the names that they had
 * @param freedBytes how much less images take now; what was pulled meanwhile counts against it
 */
public record Pruned(List<Image> images, long freedBytes) {}
