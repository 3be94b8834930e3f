package dev.berth.cri.grpc;

import dev.berth.cri.Cri;
import dev.berth.images.Image;
import dev.berth.images.ImageFs;
import dev.berth.images.PullRequest;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.oci.Platform;
import dev.berth.oci.Reference;
import dev.berth.wire.cri.FilesystemIdentifier;
import dev.berth.wire.cri.FilesystemUsage;
import dev.berth.wire.cri.ImageFilter;
import dev.berth.wire.cri.ImageFsInfoRequest;
import dev.berth.wire.cri.ImageFsInfoResponse;
import dev.berth.wire.cri.ImageServiceGrpc;
import dev.berth.wire.cri.ImageSpec;
import dev.berth.wire.cri.ImageStatusRequest;
import dev.berth.wire.cri.ImageStatusResponse;
import dev.berth.wire.cri.Int64Value;
import dev.berth.wire.cri.ListImagesRequest;
import dev.berth.wire.cri.ListImagesResponse;
import dev.berth.wire.cri.PullImageRequest;
import dev.berth.wire.cri.PullImageResponse;
import dev.berth.wire.cri.RemoveImageRequest;
import dev.berth.wire.cri.RemoveImageResponse;
import dev.berth.wire.cri.StreamImagesRequest;
import dev.berth.wire.cri.StreamImagesResponse;
import dev.berth.wire.cri.UInt64Value;
import io.grpc.stub.StreamObserver;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** CRI's ImageService. */
public final class ImageEdge extends ImageServiceGrpc.ImageServiceImplBase {
    private static final Namespace SPACE = Namespace.KUBERNETES;

    private static final String OLD_HANDLER = "io.containerd.cri.runtime-handler";

    private final Cri cri;

    public ImageEdge(Cri cri) {
        this.cri = cri;
    }

    @Override
    public void listImages(ListImagesRequest request, StreamObserver<ListImagesResponse> caller) {
        Calls.answer(
                "ListImages",
                caller,
                () -> ListImagesResponse.newBuilder()
                        .addAllImages(items(request.getFilter(), matching(request.getFilter())))
                        .build());
    }

    @Override
    public void streamImages(StreamImagesRequest request, StreamObserver<StreamImagesResponse> caller) {
        Calls.stream(
                "StreamImages",
                caller,
                () -> matching(request.getFilter()),
                images -> StreamImagesResponse.newBuilder()
                        .addAllImages(items(request.getFilter(), images))
                        .build());
    }

    @Override
    public void imageStatus(ImageStatusRequest request, StreamObserver<ImageStatusResponse> caller) {
        Calls.answer("ImageStatus", caller, () -> {
            var answer = ImageStatusResponse.newBuilder();
            find(request.getImage()).ifPresent(image -> {
                answer.setImage(item(image, request.getImage().getRuntimeHandler()));
                if (request.getVerbose()) {
                    answer.putAllInfo(cri.verbose(image));
                }
            });
            return answer.build();
        });
    }

    @Override
    public void pullImage(PullImageRequest request, StreamObserver<PullImageResponse> caller) {
        Calls.answer("PullImage", caller, () -> {
            Reference reference = Reference.parse(name(request.getImage()));
            var pull = PullRequest.of(SPACE, reference).with(extent(handler(request)));
            Image image = cri.images().pull(request.hasAuth() ? pull.with(CallerLogin.of(request.getAuth())) : pull);
            return PullImageResponse.newBuilder()
                    .setImageRef(image.id().toString())
                    .build();
        });
    }

    @Override
    public void removeImage(RemoveImageRequest request, StreamObserver<RemoveImageResponse> caller) {
        Calls.answer("RemoveImage", caller, () -> {
            cri.containers().running().awaitDiscarded(); // else layers of a removed container would hold the image's
            cri.images().remove(SPACE, name(request.getImage()));
            return RemoveImageResponse.getDefaultInstance();
        });
    }

    @Override
    public void imageFsInfo(ImageFsInfoRequest request, StreamObserver<ImageFsInfoResponse> caller) {
        Calls.answer("ImageFsInfo", caller, () -> {
            var filesystems = new ArrayList<FilesystemUsage>();
            filesystems.add(filesystem(cri.images().usage(Path.of(cri.node().imageFilesystem()))));
            cri.snapshotters().stream()
                    .skip(1) // the first one's is there, with all packed layers
                    .map(each -> filesystem(cri.images().usage(each.directory(), each.name())))
                    .forEach(filesystems::add);
            return ImageFsInfoResponse.newBuilder()
                    .addAllImageFilesystems(filesystems)
                    .addAllContainerFilesystems(filesystems)
                    .build();
        });
    }

    /** Clients that are older than the field say it by an annotation of the pod; it is anybody's, so an unknown one is no error. */
    private String handler(PullImageRequest request) {
        String named = request.getImage().getRuntimeHandler();
        String ofPod = request.getSandboxConfig().getAnnotationsOrDefault(OLD_HANDLER, "");
        return named.isEmpty() && cri.hasHandler(ofPod) ? ofPod : named;
    }

    private static FilesystemUsage filesystem(ImageFs usage) {
        return FilesystemUsage.newBuilder()
                .setTimestamp(usage.at().toEpochMilli() * 1_000_000)
                .setFsId(FilesystemIdentifier.newBuilder()
                        .setMountpoint(usage.mountpoint().toString()))
                .setUsedBytes(UInt64Value.newBuilder().setValue(usage.usedBytes()))
                .setInodesUsed(UInt64Value.newBuilder().setValue(usage.usedInodes()))
                .build();
    }

    private PullRequest.Extent extent(String handler) {
        Platform host = Platform.host();
        return new PullRequest.Extent(List.of(host), List.of(host), false, cri.snapshotter(handler));
    }

    private List<Image> matching(ImageFilter filter) {
        if (filter.getImage().getImage().isEmpty()) {
            String snapshotter = snapshotter(filter.getImage());
            return cri.images().list(SPACE).stream()
                    .filter(image -> isThere(image, snapshotter))
                    .toList();
        }
        return find(filter.getImage()).map(List::of).orElse(List.of());
    }

    private Optional<Image> find(ImageSpec image) {
        String snapshotter = snapshotter(image);
        return cri.images().find(SPACE, name(image)).filter(found -> isThere(found, snapshotter));
    }

    private String snapshotter(ImageSpec image) {
        return image.getRuntimeHandler().isEmpty() ? "" : cri.snapshotter(image.getRuntimeHandler());
    }

    /** For a handler whose containers stand elsewhere, an image is there that needs no registry to get there. */
    private boolean isThere(Image image, String snapshotter) {
        return snapshotter.isEmpty() || cri.images().isThere(SPACE, image, snapshotter);
    }

    private static List<dev.berth.wire.cri.Image> items(ImageFilter filter, List<Image> images) {
        String handler = filter.getImage().getRuntimeHandler();
        return images.stream().map(image -> item(image, handler)).toList();
    }

    private static String name(ImageSpec image) {
        if (image.getImage().isEmpty()) {
            throw Fault.invalid("image", "the request names none", "Give a reference, an id or a digest");
        }
        return image.getImage();
    }

    private static dev.berth.wire.cri.Image item(Image image, String handler) {
        var item = dev.berth.wire.cri.Image.newBuilder()
                .setId(image.id().toString())
                .addAllRepoTags(image.tags())
                .addAllRepoDigests(image.digests())
                .setSize(image.size())
                .setUsername(image.username())
                .setSpec(ImageSpec.newBuilder().setImage(image.id().toString()).setRuntimeHandler(handler))
                .setPinned(image.pinned());
        image.uid().ifPresent(uid -> item.setUid(Int64Value.newBuilder().setValue(uid)));
        return item.build();
    }
}
