package dev.berth.images.registry;

import dev.berth.kernel.Fault;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.ImageTree;
import dev.berth.oci.Index;
import dev.berth.oci.MediaTypes;
import dev.berth.oci.Reference;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Finds what refers to a manifest: by the API for it, else by the tag under which clients keep the list at registries that lack it.
 *
 * @see <a href="https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#listing-referrers">Listing referrers</a>
 */
final class Referrers {
    private static final int MAX_PAGES = 32;
    private static final Pattern NEXT = Pattern.compile("<([^>]{1,4096})>\\s*;.*\\brel=\"?next\"?.*");
    private static final Map<String, String> ACCEPT = Map.of("Accept", MediaTypes.OCI_INDEX);

    private final Reference reference;
    private final Hosts hosts;
    private final String what;

    /** A page of the list, and where the next one is. */
    private record Page(List<Descriptor> entries, @Nullable URI next) {}

    Referrers(Reference reference, Hosts hosts) {
        this.reference = reference;
        this.hosts = hosts;
        this.what = "referrers of " + reference.name();
    }

    /** A mirror need not know what the registry has: its empty list counts only if nobody has another. */
    List<Descriptor> of(Digest subject, String artifactType) {
        Set<String> without = new HashSet<>();
        try {
            return hosts.patiently(Host.Capability.REFERRERS, what, host -> {
                List<Descriptor> found = at(host, subject, artifactType).stream()
                        .filter(it ->
                                artifactType.isEmpty() || it.artifactType().equals(artifactType))
                        .toList();
                if (found.isEmpty() && host.role() == Host.Role.MIRROR) {
                    without.add(host.authority());
                    throw Refused.forGood(
                            Fault.notFound(what, host.authority() + " knows of none", "Ask another host"));
                }
                return found;
            });
        } catch (Fault e) {
            if (e.code() == Fault.Code.NOT_FOUND && without.size() == hosts.able(Host.Capability.REFERRERS)) {
                return List.of();
            }
            throw e;
        }
    }

    private List<Descriptor> at(Host host, Digest subject, String artifactType) throws Refused, InterruptedException {
        String filter = artifactType.isEmpty()
                ? ""
                : "?artifactType=" + URLEncoder.encode(artifactType, StandardCharsets.UTF_8);
        URI address = host.address(reference.domain(), reference.path() + "/referrers/" + subject + filter);
        List<Descriptor> all = new ArrayList<>();
        for (int pages = 0; address != null; pages++) {
            Optional<Page> page = page(host, address);
            if (page.isEmpty() && pages == 0) {
                String tag = subject.algorithm() + "-" + subject.hex();
                URI kept = host.address(reference.domain(), reference.path() + "/manifests/" + tag);
                return page(host, kept).map(Page::entries).orElse(List.of());
            }
            if (pages == MAX_PAGES) {
                throw Refused.forGood(
                        Fault.precondition(what, "the list has more than " + MAX_PAGES + " pages", "Clean it up"));
            }
            address = page.map(Page::next).orElse(null);
            page.ifPresent(it -> all.addAll(it.entries));
        }
        return all;
    }

    /** Empty if the host does not know the address. */
    private Optional<Page> page(Host host, URI address) throws Refused, InterruptedException {
        try (Answer answer = hosts.send(host, Call.get(address, ACCEPT))) {
            String type = MediaTypes.bare(answer.header("Content-Type"));
            if (answer.status() == 404 || (answer.status() == 200 && !type.equals(MediaTypes.OCI_INDEX))) {
                return Optional.empty(); // the spec: an answer of another type is none
            }
            if (answer.status() != 200) {
                throw Statuses.refuse(what, "list", answer, hosts.patience());
            }
            byte[] bytes = answer.bytes(ImageTree.MAX_BYTES, hosts.patience().stall());
            if (bytes == null) {
                throw Refused.forGood(Fault.precondition(
                        what, "a page of the list has more than " + ImageTree.MAX_BYTES + " bytes", "Clean it up"));
            }
            Index index = (Index) ImageTree.parse(MediaTypes.OCI_INDEX, bytes);
            return Optional.of(new Page(index.manifests(), next(host, address, answer.header("Link"))));
        } catch (IOException e) {
            throw Refused.forNow(
                    Fault.unavailable(what, Text.reason(e), "Try again later").causedBy(e));
        }
    }

    private static @Nullable URI next(Host host, URI here, String link) {
        Matcher next = NEXT.matcher(link);
        try {
            URI address = next.matches() ? Location.from(here, next.group(1)) : null;
            return address != null && address.getHost() != null && Host.sameOrigin(address, host.base())
                    ? address
                    : null;
        } catch (IllegalArgumentException notAnAddress) {
            return null;
        }
    }
}
