package dev.berth.services;

import dev.berth.images.registry.Access;
import dev.berth.images.registry.Credentials;
import dev.berth.kernel.Fault;
import dev.berth.oci.Digest;
import dev.berth.oci.Reference;
import dev.berth.wire.containerd.transfertypes.HTTPDebug;
import dev.berth.wire.containerd.transfertypes.OCIRegistry;
import dev.berth.wire.containerd.transfertypes.RegistryResolver;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Optional;

/** How a call says that its registry is to be reached. */
final class RegistryOfCall {
    private static final String NO_TAG = "it names neither a tag nor a digest";

    private RegistryOfCall() {}

    /**
     * Reads it.
     *
     * @throws Fault INVALID_ARGUMENT if it cannot be done so
     */
    static Access access(OCIRegistry registry, Credentials credentials) {
        RegistryResolver resolver = registry.getResolver();
        String what = "reach " + registry.getReference();
        return new Access(
                credentials,
                hosts(what, resolver.getHostDir()),
                scheme(what, resolver.getDefaultScheme()),
                resolver.getHeadersMap());
    }

    /**
     * What is to be pulled. Of clients of this API the name is used as the image's, so nothing is added to it.
     *
     * @throws Fault INVALID_ARGUMENT if it is no reference, or names no registry, or neither tag nor digest
     */
    static Reference reference(OCIRegistry registry) {
        String text = registry.getReference();
        Reference exact = exact("pull", text);
        if (exact.tag().isEmpty() && exact.digest().isEmpty()) {
            throw incomplete("pull", text, NO_TAG);
        }
        return Reference.parse(text);
    }

    /**
     * Where something is to be pushed. Without tag and digest it has no name there but its digest: no tag is moved that nobody named.
     *
     * @param pushed its digest, if all of it is pushed
     * @throws Fault INVALID_ARGUMENT if it is no reference, or names no registry, or neither tag nor digest and the digest is not known
     */
    static Reference destination(OCIRegistry registry, Optional<Digest> pushed) {
        String text = registry.getReference();
        Reference exact = exact("push", text);
        if (exact.tag().isPresent() || exact.digest().isPresent()) {
            return exact;
        }
        if (pushed.isEmpty()) {
            throw incomplete("push", text, NO_TAG);
        }
        return new Reference(exact.domain(), exact.path(), Optional.empty(), pushed);
    }

    private static Reference exact(String action, String text) {
        Reference exact = Reference.parseExactly(text);
        String first = text.substring(0, Math.max(0, text.indexOf('/')));
        boolean whole = first.contains(".") || first.contains(":") || first.equals("localhost");
        if (!whole) {
            throw incomplete(action, text, "it names no registry");
        }
        return exact;
    }

    private static Fault incomplete(String action, String text, String why) {
        return Fault.invalid(
                action + " \"" + text + "\"",
                why,
                "Write it as host/path:tag or host/path@sha256:<hex>, as in docker.io/library/busybox:latest");
    }

    /** Whether the call wants to read what is said. */
    static boolean isDumped(RegistryResolver resolver) {
        return resolver.getHttpDebug() == HTTPDebug.DEBUG || resolver.getHttpDebug() == HTTPDebug.BOTH;
    }

    /** Whether the call wants to know how its requests go. */
    static boolean isTraced(RegistryResolver resolver) {
        return resolver.getHttpDebug() == HTTPDebug.TRACE || resolver.getHttpDebug() == HTTPDebug.BOTH;
    }

    private static Optional<Path> hosts(String what, String directory) {
        if (directory.isEmpty()) {
            return Optional.empty();
        }
        try {
            Path path = Path.of(directory);
            if (path.isAbsolute()) {
                return Optional.of(path);
            }
        } catch (InvalidPathException e) {
            // told below
        }
        throw Fault.invalid(
                what,
                "the directory of hosts.toml files \"" + directory
                        + "\" is no absolute path, and the daemon works elsewhere",
                "Give it from / on");
    }

    private static Access.Scheme scheme(String what, String name) {
        return switch (name) {
            case "" -> Access.Scheme.USUAL;
            case "http" -> Access.Scheme.HTTP;
            case "https" -> Access.Scheme.HTTPS;
            default ->
                throw Fault.invalid(
                        what, "its default scheme \"" + name + "\" is neither http nor https", "Choose one");
        };
    }
}
