/**
 * Values of the Open Container Initiative: what an image, a layer and a container are called and made of.
 *
 * <p>Here: {@link dev.berth.oci.Digest}, {@link dev.berth.oci.Reference}, {@link dev.berth.oci.Platform}, descriptors,
 * manifests, indexes, image configs and the runtime spec, with their JSON. Not here: any I/O, any choice of what to do with
 * them.
 *
 * <p>Always true: a value that exists is valid; what is read is bounded in size, depth and count before it is believed; bad
 * input gives a {@code Fault} with INVALID_ARGUMENT (UNIMPLEMENTED for formats that nobody should use any more).
 *
 * <p>Source: opencontainers image-spec v1.1, runtime-spec v1.2, distribution-spec v1.1; Docker image manifest version 2,
 * schema 2.
 */
@NullMarked
package dev.berth.oci;

import org.jspecify.annotations.NullMarked;
