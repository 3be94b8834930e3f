package dev.berth.services;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.Timestamp;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.Platform;
import dev.berth.snapshots.MountPoint;
import dev.berth.store.Payload;
import dev.berth.wire.shim.types.Mount;
import java.time.Instant;
import java.util.List;

/** The messages that several services share, from and to our own values. */
final class Messages {
    private Messages() {}

    static Any any(Payload payload) {
        return Any.newBuilder()
                .setTypeUrl(payload.type())
                .setValue(ByteString.copyFrom(payload.bytes()))
                .build();
    }

    static Mount mount(MountPoint mount) {
        return Mount.newBuilder()
                .setType(mount.type())
                .setSource(mount.source())
                .setTarget(mount.target())
                .addAllOptions(mount.options())
                .build();
    }

    static List<Mount> mounts(List<MountPoint> mounts) {
        return mounts.stream().map(Messages::mount).toList();
    }

    static List<MountPoint> mountPoints(List<Mount> mounts) {
        return mounts.stream()
                .map(it -> new MountPoint(it.getType(), it.getSource(), it.getTarget(), it.getOptionsList()))
                .toList();
    }

    static Timestamp time(Instant time) {
        return Timestamp.newBuilder()
                .setSeconds(time.getEpochSecond())
                .setNanos(time.getNano())
                .build();
    }

    static Instant instant(Timestamp time) {
        return Instant.ofEpochSecond(time.getSeconds(), time.getNanos());
    }

    static dev.berth.wire.shim.types.Descriptor descriptor(Descriptor descriptor) {
        return dev.berth.wire.shim.types.Descriptor.newBuilder()
                .setMediaType(descriptor.mediaType())
                .setDigest(descriptor.digest().toString())
                .setSize(descriptor.size())
                .putAllAnnotations(descriptor.annotations())
                .build();
    }

    static Descriptor descriptor(dev.berth.wire.shim.types.Descriptor message) {
        return new Descriptor(
                message.getMediaType(),
                Digest.parse(message.getDigest()),
                message.getSize(),
                List.of(),
                message.getAnnotationsMap(),
                "",
                null,
                "");
    }

    static Platform platform(dev.berth.wire.shim.types.Platform message) {
        return new Platform(
                message.getArchitecture(),
                message.getOs(),
                message.getVariant(),
                message.getOsVersion(),
                message.getOsFeaturesList());
    }
}
