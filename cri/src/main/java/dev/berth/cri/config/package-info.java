/**
 * What a kubelet says of a pod and of a container, as values.
 *
 * <p>Here: one record for each message of CRI that describes something, with every field that has a meaning on Linux, and
 * their JSON form, in which they are stored. Not here: requests and answers, or anything generated.
 *
 * <p>Always true: a list or map is never null; a sub-message that was not sent is null, because CRI gives that a meaning of
 * its own in several places.
 *
 * <p>Source: the tables of CRI v1 in {@code wire/tables/cri.txt}.
 */
@NullMarked
package dev.berth.cri.config;

import org.jspecify.annotations.NullMarked;
