package dev.berth.daemon.cli;

import dev.berth.kernel.Fault;
import dev.berth.oci.Digest;
import dev.berth.oci.Reference;
import dev.berth.wire.containerd.images.DeleteImageRequest;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * {@code berth image rm}.
 *
 * @param force also what a container uses, and all names of an image that was given by its digest
 * @param sync whether to wait until the room is free again
 */
record Removal(List<String> images, boolean force, boolean sync) implements Session.Action {
    private static final int MOST = 1000;

    static Session.Action parse(Arguments arguments) {
        boolean force = arguments.flag("--force", "-f");
        boolean asked = arguments.flag("--sync");
        boolean async = arguments.flag("--async");
        if (asked && async) {
            throw new Misuse("--sync and --async exclude each other");
        }
        return new Removal(arguments.words("IMAGE...", 1, MOST), force, !async);
    }

    @Override
    public int run(Session session) {
        int exit = 0;
        for (String image : images) {
            try {
                List<StoredImage> all = session.library().all();
                for (StoredImage gone : chosen(session, image, all)) {
                    delete(session.daemon(), gone.name(), sync);
                    session.terminal().say(gone.name());
                }
            } catch (Fault e) {
                session.terminal().complain(String.valueOf(e.getMessage()));
                exit = 1;
            }
        }
        return exit;
    }

    /** Forgets a name; harmless if somebody else has. */
    static void delete(DaemonClient daemon, String name, boolean sync) {
        try {
            var _ = daemon.images()
                    .delete(DeleteImageRequest.newBuilder()
                            .setName(name)
                            .setSync(sync)
                            .build());
        } catch (StatusRuntimeException e) {
            if (e.getStatus().getCode() != Status.Code.NOT_FOUND) {
                throw e;
            }
        }
    }

    /** The names that go: that which was given, and with the last real one those that only repeat the digest. */
    private Set<StoredImage> chosen(Session session, String text, List<StoredImage> all) {
        StoredImage image = session.library().find(text, all);
        Digest target = image.target().digest();
        List<StoredImage> same = all.stream()
                .filter(other -> other.target().digest().equals(target))
                .toList();
        List<StoredImage> real =
                same.stream().filter(other -> !other.isDigestOnly()).toList();
        boolean byName = Library.byName(text, all).isPresent();
        var gone = new LinkedHashSet<StoredImage>();
        if (!byName || image.isDigestOnly()) {
            if (real.size() > 1 && !force) {
                throw Fault.precondition(
                        "remove " + text,
                        "it has several names: "
                                + String.join(
                                        ", ",
                                        real.stream().map(StoredImage::name).toList()),
                        "Remove them by their names, or add --force");
            }
            gone.addAll(same);
        } else {
            gone.add(image);
            boolean last = real.size() == 1;
            same.stream()
                    .filter(other -> other.isDigestOnly() && (last || isAlone(other, image, real)))
                    .forEach(gone::add);
        }
        if (gone.size() == same.size() && !force) {
            refuseIfUsed(session, text, target, all);
        }
        return gone;
    }

    /** Whether no other name of the repository is left for a name with a digest. */
    private static boolean isAlone(StoredImage digestOnly, StoredImage gone, List<StoredImage> real) {
        String repository = repository(gone.name());
        return digestOnly.name().startsWith(repository + "@")
                && real.stream()
                        .noneMatch(other ->
                                !other.equals(gone) && repository(other.name()).equals(repository));
    }

    private static String repository(String name) {
        try {
            return Reference.parse(name).name();
        } catch (Fault notAReference) {
            return name;
        }
    }

    private static void refuseIfUsed(Session session, String text, Digest target, List<StoredImage> all) {
        String user = InUse.of(session, all).users().get(target);
        if (user != null) {
            throw Fault.precondition(
                    "remove " + text,
                    "container " + user + " uses it",
                    "Remove the container first, or add --force: it keeps its files");
        }
    }
}
