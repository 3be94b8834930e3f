/**
 * A client of image registries: the OCI distribution protocol over {@code java.net.http}, for those who pull and those who push.
 *
 * <p>Here: which hosts serve a name ({@code hosts.toml} in containerd's format), TLS trust and client keys, logins and the
 * token dance, proxies, redirects, retries, resumption of broken bodies, limits on everything that a registry may send. Not here:
 * what a manifest means, where bytes are kept, whether an image may be pulled.
 *
 * <p>Threads: every method blocks its caller and may be called on any thread; an interrupt ends it with CANCELLED.
 *
 * <p>Always true: credentials and configured headers go to the host that they are for, never to where it redirects; plain HTTP is
 * spoken to loopback addresses or where a hosts.toml says so; an answer is read with a limit in bytes and in time without progress;
 * what is returned with a digest has been checked against it, except a {@link dev.berth.images.registry.Blob}, whose reader hashes.
 *
 * <p>Source: opencontainers distribution-spec v1.1; Docker's token authentication; containerd's docs/hosts.md.
 */
@NullMarked
package dev.berth.images.registry;

import org.jspecify.annotations.NullMarked;
