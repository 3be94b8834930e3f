package dev.berth.cri.grpc;

import dev.berth.cri.Cri;
import dev.berth.images.Image;
import dev.berth.images.ImageFs;
import dev.berth.images.PullRequest;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
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
import java.util.List;
import java.util.Optional;

/** CRI's ImageService. */
public final class ImageEdge extends ImageServiceGrpc.ImageServiceImplBase {
    private static final Namespace SPACE = Namespace.KUBERNETES;

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
                        .addAllImages(matching(request.getFilter()).stream()
                                .map(ImageEdge::item)
                                .toList())
                        .build());
    }

    @Override
    public void streamImages(StreamImagesRequest request, StreamObserver<StreamImagesResponse> caller) {
        Calls.stream(
                "StreamImages",
                caller,
                () -> matching(request.getFilter()),
                images -> StreamImagesResponse.newBuilder()
                        .addAllImages(images.stream().map(ImageEdge::item).toList())
                        .build());
    }

    @Override
    public void imageStatus(ImageStatusRequest request, StreamObserver<ImageStatusResponse> caller) {
        Calls.answer("ImageStatus", caller, () -> {
            var answer = ImageStatusResponse.newBuilder();
            find(request.getImage()).ifPresent(image -> {
                answer.setImage(item(image));
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
            var pull = PullRequest.of(SPACE, reference);
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
            ImageFs usage = cri.images().usage(Path.of(cri.node().imageFilesystem()));
            var filesystem = FilesystemUsage.newBuilder()
                    .setTimestamp(usage.at().toEpochMilli() * 1_000_000)
                    .setFsId(FilesystemIdentifier.newBuilder()
                            .setMountpoint(usage.mountpoint().toString()))
                    .setUsedBytes(UInt64Value.newBuilder().setValue(usage.usedBytes()))
                    .setInodesUsed(UInt64Value.newBuilder().setValue(usage.usedInodes()))
                    .build();
            return ImageFsInfoResponse.newBuilder()
                    .addImageFilesystems(filesystem)
                    .addContainerFilesystems(filesystem)
                    .build();
        });
    }

    private List<Image> matching(ImageFilter filter) {
        if (filter.getImage().getImage().isEmpty()) {
            return cri.images().list(SPACE);
        }
        return find(filter.getImage()).map(List::of).orElse(List.of());
    }

    private Optional<Image> find(ImageSpec image) {
        return cri.images().find(SPACE, name(image));
    }

    private static String name(ImageSpec image) {
        if (image.getImage().isEmpty()) {
            throw Fault.invalid("image", "the request names none", "Give a reference, an id or a digest");
        }
        return image.getImage();
    }

    private static dev.berth.wire.cri.Image item(Image image) {
        var item = dev.berth.wire.cri.Image.newBuilder()
                .setId(image.id().toString())
                .addAllRepoTags(image.tags())
                .addAllRepoDigests(image.digests())
                .setSize(image.size())
                .setUsername(image.username())
                .setSpec(ImageSpec.newBuilder().setImage(image.id().toString()))
                .setPinned(image.pinned());
        image.uid().ifPresent(uid -> item.setUid(Int64Value.newBuilder().setValue(uid)));
        return item.build();
    }
}
