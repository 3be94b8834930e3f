/**
 * How a container's or a pod's description becomes what the kernel and the OCI runtime are told.
 *
 * <p>Here: the OCI runtime spec of a container ({@link dev.berth.cri.spec.SpecBuilder}), who its process is
 * ({@link dev.berth.cri.spec.Users}), the files that we give it ({@link dev.berth.cri.spec.PodFiles}), which sysctls a pod
 * may set, its stop signal, its annotations. Not here: starting anything, storing anything, anything generated.
 *
 * <p>The request is policy and is followed faithfully or refused with a reason. The image is hostile: its config and its
 * files choose a user, an environment, a directory and volumes, and nothing else.
 *
 * <p>Threads: any number. Builders hold facts about the host, which are read once.
 *
 * <p>Source: CRI v1; OCI runtime-spec 1.2; the annotations {@code io.kubernetes.cri.*} as containerd writes them.
 */
@NullMarked
package dev.berth.cri.spec;

import org.jspecify.annotations.NullMarked;
