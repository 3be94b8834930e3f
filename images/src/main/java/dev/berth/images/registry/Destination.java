package dev.berth.images.registry;

import dev.berth.kernel.Fault;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.Reference;
import java.io.InputStream;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongConsumer;

/**
 * A repository as one who fills it sees it. What is there is not sent again; what another repository of the same registry has is
 * mounted from there. Only the first host that may be pushed to is used, so that an image is never spread over two. Thread-safe.
 *
 * @see <a href="https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#push">Pushing</a>
 */
public final class Destination {
    /** Where the bytes of a blob are. */
    public interface Source {
        /** The bytes from an offset on. */
        InputStream open(long from);
    }

    /** How a blob came to be there. */
    public enum Outcome {
        THERE,
        MOUNTED,
        SENT
    }

    private final Reference reference;
    private final Hosts hosts;
    private final Places places;
    private final String what;

    Destination(Reference reference, Hosts hosts, Places places) {
        this.reference = reference;
        this.hosts = hosts.first(Host.Capability.PUSH);
        this.places = places;
        this.what = "push " + reference;
    }

    /**
     * Brings a blob there.
     *
     * @param source its bytes; may be opened several times
     * @param mountFrom repositories of this registry that may have it, likeliest first
     * @param sent is told, often, how many bytes have gone; it may go back when an attempt failed
     * @throws Fault UNAUTHENTICATED, PERMISSION_DENIED, NOT_FOUND (no such repository), UNAVAILABLE as the registry has it;
     *     FAILED_PRECONDITION if it refuses the blob; CANCELLED if interrupted
     */
    public Outcome blob(Descriptor descriptor, Source source, List<String> mountFrom, LongConsumer sent) {
        return hosts.patiently(Host.Capability.PUSH, what, host -> {
            if (has(host, "blobs/" + descriptor.digest(), Optional.empty(), "*/*")) {
                return Outcome.THERE;
            }
            Upload.Session begun = null;
            for (String from : mountFrom) {
                if (from.equals(reference.path())) {
                    continue;
                }
                switch (mount(host, descriptor.digest(), from)) {
                    case Mount.Done() -> {
                        if (begun != null) {
                            Upload.abandon(host, hosts, begun);
                        }
                        return Outcome.MOUNTED;
                    }
                    case Mount.Begun(var session) -> {
                        if (begun != null) {
                            Upload.abandon(host, hosts, begun);
                        }
                        begun = session;
                    }
                    case Mount.Not() -> {}
                }
            }
            try (Places.Place _ = places.take(host)) {
                new Upload(host, hosts, address(host, "blobs/uploads/"), descriptor, source, sent).run(begun);
            }
            return Outcome.SENT;
        });
    }

    /**
     * Puts a manifest or index there, after all that it names.
     *
     * @param name a tag, or empty to leave it with its digest only
     * @return whether it had to be sent
     * @throws Fault as {@link #blob}
     */
    public boolean manifest(Descriptor descriptor, byte[] bytes, String name) {
        String digest = descriptor.digest().toString();
        String path = "manifests/" + (name.isEmpty() ? digest : name);
        return hosts.patiently(Host.Capability.PUSH, what, host -> {
            Optional<Digest> behindTag = name.isEmpty() ? Optional.empty() : Optional.of(descriptor.digest());
            if (has(host, path, behindTag, descriptor.mediaType())) {
                return false;
            }
            Map<String, String> headers = Map.of("Content-Type", descriptor.mediaType());
            try (Body body = Body.of(bytes);
                    Answer answer = hosts.send(host, new Call("PUT", address(host, path), headers, body))) {
                if (!answer.isTaken()) {
                    throw Statuses.refuse(what, "repository", answer, hosts.patience());
                }
                refuseOther(what, descriptor.digest(), answer);
                return true;
            }
        });
    }

    private boolean has(Host host, String path, Optional<Digest> behind, String type)
            throws Refused, InterruptedException {
        Map<String, String> headers = Map.of("Accept", type.equals("*/*") ? type : type + ", */*");
        try (Answer answer = hosts.send(host, Call.head(address(host, path), headers))) {
            return switch (answer.status()) {
                case 200 -> behind.isEmpty() || behind.get().toString().equals(answer.header("Docker-Content-Digest"));
                case 400, 404, 405 -> false;
                default -> throw Statuses.refuse(what, "repository", answer, hosts.patience());
            };
        }
    }

    /** Who keeps something else than he was given would be asked for ours in vain. */
    static void refuseOther(String what, Digest sent, Answer answer) throws Refused {
        if (answer.tookOther(sent)) {
            throw Refused.forGood(Fault.precondition(
                    what,
                    answer.from().getAuthority() + " keeps " + sent + " as "
                            + Text.shown(answer.header("Docker-Content-Digest"), 80),
                    "Check the registry, and what lies before it: nothing may change what is pushed"));
        }
    }

    private sealed interface Mount {
        record Done() implements Mount {}

        /** It begins an upload instead. */
        record Begun(Upload.Session session) implements Mount {}

        record Not() implements Mount {}
    }

    /** A registry that will not mount says so in many ways; all of them mean that the blob has to be sent. */
    private Mount mount(Host host, Digest digest, String from) throws Refused, InterruptedException {
        URI address = address(
                host,
                "blobs/uploads/?mount=" + URLEncoder.encode(digest.toString(), StandardCharsets.UTF_8) + "&from="
                        + URLEncoder.encode(from, StandardCharsets.UTF_8));
        try (Answer answer =
                hosts.with(Scope.pull(from)).send(host, new Call("POST", address, Map.of(), Body.of(new byte[0])))) {
            if (answer.status() == 202 && !answer.header("Location").isEmpty()) {
                return new Mount.Begun(Upload.Session.of(answer, address));
            }
            return answer.status() == 201 ? new Mount.Done() : new Mount.Not();
        } catch (Refused e) {
            if (e.status() > 0) {
                return new Mount.Not();
            }
            throw e;
        }
    }

    private URI address(Host host, String path) {
        return host.address(reference.domain(), reference.path() + "/" + path);
    }
}
