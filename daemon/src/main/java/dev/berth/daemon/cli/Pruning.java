package dev.berth.daemon.cli;

import dev.berth.oci.Digest;
import dev.berth.wire.cri.ImageFsInfoRequest;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * {@code berth image prune}.
 *
 * @param all also images that have a tag
 * @param dryRun whether it is only said what would go
 * @param sure whether nobody is asked
 */
record Pruning(boolean all, boolean dryRun, boolean sure) implements Session.Action {
    private static final Duration LIMIT = Duration.ofMinutes(2);

    static Session.Action parse(Arguments arguments) {
        var pruning = new Pruning(
                arguments.flag("--all", "-a"), arguments.flag("--dry-run"), arguments.flag("--force", "-f"));
        arguments.words("[options]", 0, 0);
        return pruning;
    }

    @Override
    public int run(Session session) throws IOException {
        List<StoredImage> images = session.library().all();
        List<StoredImage> unused = unused(session, images);
        Terminal terminal = session.terminal();
        if (unused.isEmpty()) {
            terminal.say("Nothing to remove.");
            return 0;
        }
        if (dryRun) {
            unused.forEach(image -> terminal.say("would remove " + image.name()));
            terminal.say("Up to " + Amounts.bytes(content(session, unused, images)) + " of content would be freed.");
            return 0;
        }
        if (terminal.interactive() && !sure) {
            unused.forEach(image -> terminal.err().println(Terminal.harmless("  " + image.name())));
            if (!terminal.agrees("Remove these " + unused.size() + " names?")) {
                return 1;
            }
        }
        long before = used(session);
        for (StoredImage image : unused) {
            boolean last = image.equals(unused.getLast()); // one wait for all of them
            Removal.delete(session.daemon(), image.name(), last);
            terminal.say("removed " + image.name());
        }
        terminal.say("Freed " + Amounts.bytes(Math.max(0, before - used(session))) + ".");
        return 0;
    }

    private List<StoredImage> unused(Session session, List<StoredImage> images) {
        InUse inUse = InUse.of(session, images);
        Set<Digest> tagged = images.stream()
                .filter(image -> !image.isDigestOnly())
                .map(image -> image.target().digest())
                .collect(Collectors.toSet());
        return images.stream()
                .filter(image -> !inUse.users().containsKey(image.target().digest())
                        && !inUse.pinned().contains(image.target().digest())
                        && (all || !tagged.contains(image.target().digest())))
                .toList();
    }

    /** Bytes of content that no image has but those. */
    private static long content(Session session, List<StoredImage> gone, List<StoredImage> images) {
        Set<Digest> parts = parts(session.library(), gone);
        var staying = new ArrayList<>(images);
        staying.removeAll(gone);
        parts.removeAll(parts(session.library(), staying));
        var sizes = session.library().sizes();
        return parts.stream().mapToLong(part -> sizes.getOrDefault(part, 0L)).sum();
    }

    private static Set<Digest> parts(Library library, List<StoredImage> images) {
        var parts = new HashSet<Digest>();
        for (StoredImage image : images) {
            parts.add(image.target().digest());
            library.variants(image).forEach(variant -> variant.parts().forEach(part -> parts.add(part.digest())));
        }
        return parts;
    }

    /** What all images of the node take, layers unpacked and packed. */
    private static long used(Session session) {
        try (CriClient cri = CriClient.open(session.socket())) {
            return cri
                    .images(LIMIT)
                    .imageFsInfo(ImageFsInfoRequest.getDefaultInstance())
                    .getImageFilesystemsList()
                    .stream()
                    .mapToLong(system -> system.getUsedBytes().getValue())
                    .sum();
        }
    }
}
