/**
 * OCI runtimes as programs: crun, runc and what behaves like them.
 *
 * <p>Here: finding and trying them ({@link dev.berth.shim.runtime.Runtimes}), calling them
 * ({@link dev.berth.shim.runtime.OciRuntime}), reading what they say when they fail, and the bundle's config.json
 * ({@link dev.berth.shim.runtime.BundleConfig}). Not here: what is running, who waits for it, mounts.
 *
 * <p>Threads: a call spawns the program from the calling thread and waits for it; the caller's thread decides in which
 * namespaces and cgroups it is born.
 *
 * <p>Source: opencontainers/runtime-spec 1.0.2, runtime.md and config.md; the manual pages of crun 1.8 and runc 1.1.
 */
@NullMarked
package dev.berth.shim.runtime;

import org.jspecify.annotations.NullMarked;
