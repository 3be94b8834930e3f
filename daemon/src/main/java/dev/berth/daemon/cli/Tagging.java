package dev.berth.daemon.cli;

import com.google.protobuf.FieldMask;
import dev.berth.kernel.Fault;
import dev.berth.oci.Reference;
import dev.berth.wire.containerd.images.CreateImageRequest;
import dev.berth.wire.containerd.images.Image;
import dev.berth.wire.containerd.images.UpdateImageRequest;
import dev.berth.wire.shim.types.Descriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.List;
import java.util.Map;

/**
 * {@code berth image tag}.
 *
 * @param force whether a name that another image has is taken from it
 */
record Tagging(String source, List<Reference> names, boolean force) implements Session.Action {
    private static final int MOST = 100;

    static Session.Action parse(Arguments arguments) {
        boolean force = arguments.flag("--force", "-f");
        List<String> words = arguments.words("IMAGE NAME...", 2, MOST);
        List<Reference> names =
                words.subList(1, words.size()).stream().map(Reference::parse).toList();
        names.stream().filter(name -> name.digest().isPresent()).findFirst().ifPresent(name -> {
            throw new Misuse("\"" + name + "\" names a digest, which nobody can choose; write NAME:TAG");
        });
        return new Tagging(words.getFirst(), names, force);
    }

    @Override
    public int run(Session session) {
        StoredImage image = session.library().find(source);
        for (Reference name : names) {
            give(session.daemon(), name.toString(), image);
            session.terminal().say(name.toString());
        }
        return 0;
    }

    private void give(DaemonClient daemon, String name, StoredImage image) {
        if (!put(daemon, name, image.target(), image.labels(), force)) {
            throw Fault.alreadyExists(
                    "tag " + name, "another image has this name", "Add --force to take it from that one");
        }
    }

    /**
     * Gives a name to what a descriptor points to.
     *
     * @return false if the name is taken by something else and that was not to be
     */
    static boolean put(
            DaemonClient daemon,
            String name,
            dev.berth.oci.Descriptor target,
            Map<String, String> labels,
            boolean force) {
        Image image = Image.newBuilder()
                .setName(name)
                .putAllLabels(labels)
                .setTarget(Descriptor.newBuilder()
                        .setMediaType(target.mediaType())
                        .setDigest(target.digest().toString())
                        .setSize(target.size())
                        .putAllAnnotations(target.annotations()))
                .build();
        try {
            daemon.images()
                    .create(CreateImageRequest.newBuilder().setImage(image).build());
            return true;
        } catch (StatusRuntimeException e) {
            if (e.getStatus().getCode() != Status.Code.ALREADY_EXISTS) {
                throw e;
            }
        }
        boolean same = new Library(daemon)
                .all().stream()
                        .anyMatch(other -> other.name().equals(name)
                                && other.target().digest().equals(target.digest()));
        if (!same && force) {
            daemon.images()
                    .update(UpdateImageRequest.newBuilder()
                            .setImage(image)
                            .setUpdateMask(FieldMask.newBuilder().addPaths("target"))
                            .build());
        }
        return same || force;
    }
}
