package dev.berth.services;

import com.google.protobuf.Empty;
import com.google.protobuf.Timestamp;
import dev.berth.images.Images;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.oci.Descriptor;
import dev.berth.store.Durability;
import dev.berth.store.GcLabel;
import dev.berth.store.ImageRecord;
import dev.berth.store.Leases.Resource;
import dev.berth.store.Records;
import dev.berth.store.Store;
import dev.berth.wire.containerd.images.CreateImageRequest;
import dev.berth.wire.containerd.images.CreateImageResponse;
import dev.berth.wire.containerd.images.DeleteImageRequest;
import dev.berth.wire.containerd.images.GetImageRequest;
import dev.berth.wire.containerd.images.GetImageResponse;
import dev.berth.wire.containerd.images.Image;
import dev.berth.wire.containerd.images.ImagesGrpc;
import dev.berth.wire.containerd.images.ListImagesRequest;
import dev.berth.wire.containerd.images.ListImagesResponse;
import dev.berth.wire.containerd.images.UpdateImageRequest;
import dev.berth.wire.containerd.images.UpdateImageResponse;
import io.grpc.stub.StreamObserver;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** The names of images: records only, what they point to is content. */
final class ImagesService extends ImagesGrpc.ImagesImplBase {
    private static final String TARGET = "target";
    private static final String ANNOTATIONS = "annotations";

    private final Store store;
    private final Images images;

    ImagesService(Store store, Images images) {
        this.store = store;
        this.images = images;
    }

    @Override
    public void get(GetImageRequest request, StreamObserver<GetImageResponse> caller) {
        Calls.answer(caller, () -> {
            Namespace namespace = Headers.namespace();
            ImageRecord found =
                    store.metadata().read(records -> records.images().get(namespace, request.getName()));
            return GetImageResponse.newBuilder().setImage(message(found)).build();
        });
    }

    @Override
    public void list(ListImagesRequest request, StreamObserver<ListImagesResponse> caller) {
        Calls.answer(caller, () -> {
            Namespace namespace = Headers.namespace();
            Filters filters = Filters.parse(request.getFiltersList());
            return ListImagesResponse.newBuilder()
                    .addAllImages(
                            store.metadata().read(records -> records.images().list(namespace)).stream()
                                    .filter(image -> filters.show(path -> field(image, path)))
                                    .map(ImagesService::message)
                                    .toList())
                    .build();
        });
    }

    private static Optional<String> field(ImageRecord image, List<String> path) {
        return switch (path.getFirst()) {
            case "name" -> Optional.of(image.name());
            case TARGET ->
                switch (path.size() < 2 ? "" : path.get(1)) {
                    case "digest" -> Optional.of(image.target().digest().toString());
                    case "mediatype" -> Filters.unlessEmpty(image.target().mediaType());
                    default -> Optional.empty();
                };
            case "labels" -> Filters.in(image.labels(), path);
            case ANNOTATIONS -> Filters.in(image.target().annotations(), path);
            default -> Optional.empty();
        };
    }

    @Override
    public void create(CreateImageRequest request, StreamObserver<CreateImageResponse> caller) {
        Calls.answer(caller, () -> {
            ImageRecord image = record(Headers.namespace(), request.getImage());
            LeaseOfCall lease = LeaseOfCall.current();
            ImageRecord created = store.metadata().write(Durability.POWER, records -> {
                hold(records, lease, image);
                ImageRecord fresh = records.images().create(image);
                return request.hasSourceDateEpoch() ? date(records, fresh, true, request.getSourceDateEpoch()) : fresh;
            });
            return CreateImageResponse.newBuilder().setImage(message(created)).build();
        });
    }

    @Override
    public void update(UpdateImageRequest request, StreamObserver<UpdateImageResponse> caller) {
        Calls.answer(caller, () -> {
            Namespace namespace = Headers.namespace();
            Image given = request.getImage();
            List<String> mask = request.getUpdateMask().getPathsList();
            LeaseOfCall lease = LeaseOfCall.current();
            checkName(given);
            ImageRecord updated = store.metadata().write(Durability.POWER, records -> {
                ImageRecord old = records.images().get(namespace, given.getName());
                ImageRecord image = mask.isEmpty() ? record(namespace, given) : changed(old, given, mask);
                hold(records, lease, image);
                ImageRecord fresh = records.images().update(image);
                return request.hasSourceDateEpoch() ? date(records, fresh, false, request.getSourceDateEpoch()) : fresh;
            });
            return UpdateImageResponse.newBuilder().setImage(message(updated)).build();
        });
    }

    private static ImageRecord changed(ImageRecord old, Image given, List<String> mask) {
        ImageRecord image = old;
        for (String path : mask) {
            if (LabelChange.isLabels(path)) {
                image = image.withLabels(LabelChange.merge(List.of(path), image.labels(), given.getLabelsMap()));
            } else if (path.equals(TARGET)) {
                image = image.withTarget(target(given));
            } else if (path.equals(ANNOTATIONS)) {
                image = image.withTarget(
                        annotated(image.target(), given.getTarget().getAnnotationsMap()));
            } else if (path.startsWith(ANNOTATIONS + ".")) {
                String key = path.substring(ANNOTATIONS.length() + 1);
                Map<String, String> all = new TreeMap<>(image.target().annotations());
                all.put(key, given.getTarget().getAnnotationsOrDefault(key, ""));
                image = image.withTarget(annotated(image.target(), all));
            } else {
                throw Fault.invalid(
                        "update of image " + old.name(),
                        "\"" + path + "\" is not a field that can change",
                        "Name labels, labels.KEY, target, annotations or annotations.KEY");
            }
        }
        return image;
    }

    private static Descriptor annotated(Descriptor target, Map<String, String> annotations) {
        return Messages.descriptor(Messages.descriptor(target).toBuilder()
                .clearAnnotations()
                .putAllAnnotations(annotations)
                .build());
    }

    @Override
    public void delete(DeleteImageRequest request, StreamObserver<Empty> caller) {
        Calls.answerWhileWanted(caller, () -> {
            Namespace namespace = Headers.namespace();
            LeaseOfCall lease = LeaseOfCall.current();
            String name = request.getName();
            String wanted = request.getTarget().getDigest();
            store.metadata().apply(Durability.POWER, records -> {
                ImageRecord image = records.images().get(namespace, name);
                String target = image.target().digest().toString();
                if (!wanted.isEmpty() && !wanted.equals(target)) {
                    throw Fault.notFound("image " + name, "its target is " + target + " and not " + wanted, "");
                }
                records.images().delete(namespace, name);
                lease.letGo(records, namespace, resource(name));
            });
            if (request.getSync()) {
                images.sweepNow();
            } else {
                images.sweepSoon();
            }
            return Empty.getDefaultInstance();
        });
    }

    /** A lease holds an image only if that could expire: others stay anyhow. */
    private static void hold(Records records, LeaseOfCall lease, ImageRecord image) {
        if (image.labels().containsKey(GcLabel.EXPIRE)) {
            lease.hold(records, image.namespace(), resource(image.name()));
        }
    }

    private static Resource resource(String name) {
        return new Resource("images", name);
    }

    private static ImageRecord date(Records records, ImageRecord image, boolean created, Timestamp time) {
        Instant at = Messages.instant(time);
        return records.images().date(image.namespace(), image.name(), created ? Optional.of(at) : Optional.empty(), at);
    }

    private static void checkName(Image image) {
        if (image.getName().isEmpty()) {
            throw Fault.invalid("the call", "it does not name the image", "");
        }
    }

    private static Descriptor target(Image image) {
        Descriptor target = Messages.descriptor(image.getTarget());
        if (target.size() == 0) {
            throw Fault.invalid(
                    "image " + image.getName(), "its target has no size", "Send the size of the manifest or index");
        }
        return target;
    }

    private static ImageRecord record(Namespace namespace, Image image) {
        checkName(image);
        return ImageRecord.of(
                namespace,
                image.getName(),
                target(image),
                LabelChange.merge(LabelChange.EVERY, Map.of(), image.getLabelsMap()));
    }

    private static Image message(ImageRecord image) {
        return Image.newBuilder()
                .setName(image.name())
                .putAllLabels(image.labels())
                .setTarget(Messages.descriptor(image.target()))
                .setCreatedAt(Messages.time(image.createdAt()))
                .setUpdatedAt(Messages.time(image.updatedAt()))
                .build();
    }
}
