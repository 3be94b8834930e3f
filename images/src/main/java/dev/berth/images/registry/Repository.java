package dev.berth.images.registry;

import dev.berth.kernel.Fault;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.ImageTree;
import dev.berth.oci.MediaTypes;
import dev.berth.oci.Reference;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.zip.GZIPInputStream;

/** What one reference names at its registry, as one caller sees it. Thread-safe. */
public final class Repository {
    private static final String ACCEPT = String.join(
            ", ",
            List.of(
                    MediaTypes.DOCKER_MANIFEST,
                    MediaTypes.DOCKER_INDEX,
                    MediaTypes.OCI_MANIFEST,
                    MediaTypes.OCI_INDEX,
                    "*/*"));
    /** Types that static file servers and careless registries give to every JSON. */
    private static final List<String> SAYS_NOTHING =
            List.of("", "application/json", "application/octet-stream", "text/plain");

    private final Reference reference;
    private final Hosts hosts;
    private final Downloads downloads;
    private final Givers givers = new Givers();
    private final String what;

    Repository(Reference reference, Hosts hosts, Downloads downloads) {
        this.reference = reference;
        this.hosts = hosts;
        this.downloads = downloads;
        this.what = "pull " + reference;
    }

    /**
     * Asks for what the reference points to without fetching it, which some registries do not count against a rate limit.
     *
     * @return empty if the registry does not say; then {@link #manifest()} must be asked
     * @throws Fault NOT_FOUND, UNAUTHENTICATED, PERMISSION_DENIED or UNAVAILABLE as the registry has it
     */
    public Optional<Descriptor> head() {
        return hosts.patiently(needed(), what, host -> {
            var address = host.address(reference.domain(), reference.path() + "/manifests/" + reference.target());
            try (Answer answer = hosts.send(host, Call.head(address, Map.of("Accept", ACCEPT)))) {
                String type = MediaTypes.bare(answer.header("Content-Type"));
                if (answer.status() == 405 || (answer.status() == 200 && !isImage(type))) {
                    return Optional.empty();
                }
                if (answer.status() != 200) {
                    throw Statuses.refuse(what, "image", answer, hosts.patience());
                }
                Optional<Digest> digest = digest(answer);
                if (digest.isPresent()
                        && reference
                                .digest()
                                .filter(it -> !it.equals(digest.get()))
                                .isPresent()) {
                    throw Refused.forGood(wrong("the registry says that this digest is " + digest.get()));
                }
                return digest.isPresent() && answer.length() > 0 && !answer.isEncoded()
                        ? Optional.of(Descriptor.of(type, digest.get(), answer.length()))
                        : Optional.empty();
            }
        });
    }

    /**
     * Fetches what the reference points to.
     *
     * @throws Fault as {@link #head}; NOT_FOUND also if the registry sends a web page; FAILED_PRECONDITION if the bytes are not those
     *     of the digest, or too many
     */
    public Document manifest() {
        return hosts.patiently(
                needed(), what, host -> fetch(host, reference.target(), reference.digest(), ImageTree.MAX_BYTES));
    }

    /**
     * Fetches an entry of an index, or what {@link #head} found.
     *
     * @throws Fault as {@link #manifest()}
     */
    public Document manifest(Descriptor entry) {
        if (entry.size() > ImageTree.MAX_BYTES) {
            throw tooLarge(entry.size() + " bytes");
        }
        Optional<byte[]> embedded = Embedded.bytes(entry);
        if (embedded.isPresent()) {
            return new Document(entry, embedded.get());
        }
        return hosts.patiently(Host.Capability.PULL, what, host -> {
            Document fetched =
                    fetch(host, entry.digest().toString(), Optional.of(entry.digest()), Math.toIntExact(entry.size()));
            if (fetched.bytes().length != entry.size()) {
                throw Refused.forGood(wrong("manifest " + entry.digest() + " has " + fetched.bytes().length
                        + " bytes, not " + entry.size()));
            }
            return new Document(entry, fetched.bytes());
        });
    }

    /**
     * A config or layer, to be read from an offset on. Nothing is asked before the first read.
     *
     * @param from bytes that the caller has already
     */
    public Blob blob(Descriptor descriptor, long from) {
        return new Blob(new Wanted(reference, descriptor, hosts, downloads.places(), givers), from, downloads);
    }

    /**
     * Says that what came was not the blob: the mirrors that gave bytes of it are not asked for it any more.
     *
     * @return whether it may be had from another host
     */
    public boolean reject(Descriptor blob) {
        return givers.reject(blob.digest()) && givers.wrong(blob.digest()) < hosts.able(Host.Capability.PULL);
    }

    /**
     * What refers to a manifest: signatures, attestations, lists of contents.
     *
     * @param artifactType only those of this type; empty for all
     * @throws Fault as {@link #manifest()}; a registry that knows of none gives an empty list
     */
    public List<Descriptor> referrers(Digest subject, String artifactType) {
        return new Referrers(reference, hosts).of(subject, artifactType);
    }

    private Host.Capability needed() {
        return reference.digest().isPresent() ? Host.Capability.PULL : Host.Capability.RESOLVE;
    }

    private Document fetch(Host host, String target, Optional<Digest> expected, int limit)
            throws Refused, InterruptedException {
        var address = host.address(reference.domain(), reference.path() + "/manifests/" + target);
        try (Answer answer = hosts.send(host, Call.get(address, Map.of("Accept", ACCEPT)))) {
            if (answer.status() != 200) {
                throw Statuses.refuse(what, "image", answer, hosts.patience());
            }
            String type = MediaTypes.bare(answer.header("Content-Type"));
            if (type.equals("text/html")) {
                throw Refused.forGood(Fault.notFound(
                        what,
                        host.authority() + " sent a web page instead of an image",
                        "Check that a registry is at this address, and that no proxy or login page is in between"));
            }
            if (answer.length() > limit) {
                throw Refused.forGood(tooLarge(answer.length() + " bytes"));
            }
            byte[] bytes = answer.bytes(limit, hosts.patience().stall());
            if (bytes == null) {
                throw Refused.forGood(tooLarge("more bytes"));
            }
            bytes = unpacked(bytes, answer, limit);
            Digest digest = check(expected.or(() -> digest(answer)), bytes, answer);
            String known = SAYS_NOTHING.contains(type) ? mediaType(bytes) : type;
            return new Document(Descriptor.of(known, digest, bytes.length), bytes);
        } catch (IOException e) {
            throw Refused.forNow(Fault.unavailable(
                            what, "manifest at " + host.authority() + ": " + Text.reason(e), "Try again later")
                    .causedBy(e));
        }
    }

    private static String mediaType(byte[] bytes) throws Refused {
        try {
            return ImageTree.parse("", bytes).mediaType();
        } catch (Fault e) {
            throw Refused.forGood(e); // another host may have a better one
        }
    }

    private Digest check(Optional<Digest> expected, byte[] bytes, Answer answer) throws Refused {
        String encoding = answer.header("Content-Encoding");
        if (expected.isEmpty() && answer.isEncoded() && !isJson(bytes)) {
            throw Refused.forGood(Fault.precondition(
                    what,
                    "the manifest was sent with Content-Encoding " + Text.shown(encoding, 40)
                            + ", which nobody asked for",
                    "Let the registry, or the proxy before it, send manifests as they are"));
        }
        if (expected.isPresent() && !expected.get().matches(bytes)) {
            String how = encoding.isEmpty() ? "" : "; it was sent with Content-Encoding " + Text.shown(encoding, 40);
            throw Refused.forGood(
                    wrong("the manifest's digest is " + Digest.of(bytes) + ", not " + expected.get() + how));
        }
        return expected.orElseGet(() -> Digest.of(bytes));
    }

    private static Optional<Digest> digest(Answer answer) {
        String text = answer.header("Docker-Content-Digest");
        try {
            return text.isEmpty() ? Optional.empty() : Optional.of(Digest.parse(text));
        } catch (Fault notADigest) {
            return Optional.empty(); // ours is computed from the bytes
        }
    }

    /** What a server, or a proxy before it, has packed on the way though nobody asked it to; in gzip, as that is what they do. */
    private byte[] unpacked(byte[] sent, Answer answer, int limit) throws Refused, IOException {
        boolean packed = answer.header("Content-Encoding").equalsIgnoreCase("gzip") && !isJson(sent);
        if (!packed) {
            return sent;
        }
        try (var stream = new GZIPInputStream(new ByteArrayInputStream(sent))) {
            byte[] bytes = stream.readNBytes(limit + 1);
            if (bytes.length > limit) {
                throw Refused.forGood(tooLarge("more bytes"));
            }
            return bytes;
        }
    }

    private static boolean isJson(byte[] bytes) {
        return new String(bytes, StandardCharsets.ISO_8859_1).stripLeading().startsWith("{");
    }

    private static boolean isImage(String type) {
        return MediaTypes.isManifest(type) || MediaTypes.isIndex(type);
    }

    private Fault tooLarge(String size) {
        return Fault.precondition(
                what,
                "its manifest has " + size + ", more than the " + ImageTree.MAX_BYTES + " allowed",
                "Check the name; no image has so large a manifest");
    }

    private Fault wrong(String why) {
        return Fault.precondition(what, why, "The registry's content is damaged; push the image again");
    }
}
