/**
 * Messages between a daemon and its shims: tasks, sandboxes, bootstrap, events, metrics, and our own supervisor service.
 *
 * <p>Here: generated code only, one sub-package for each proto package. Not here: gRPC stubs, so that the supervisor that
 * speaks ttrpc stays small.
 *
 * <p>Always true: names, numbers and types are those of {@code wire/tables}; a test compares them.
 */
package dev.berth.wire.shim;
