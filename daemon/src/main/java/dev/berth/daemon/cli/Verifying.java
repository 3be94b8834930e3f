package dev.berth.daemon.cli;

import com.github.luben.zstd.ZstdInputStreamNoFinalizer;
import dev.berth.kernel.Fault;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.ImageConfig;
import dev.berth.oci.ImageTree;
import dev.berth.oci.Index;
import dev.berth.oci.Manifest;
import dev.berth.oci.MediaTypes;
import dev.berth.oci.Platform;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.security.DigestInputStream;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.zip.GZIPInputStream;

/** {@code berth image verify}: reads every byte of images and compares it with what its documents say. */
final class Verifying implements Session.Action {
    private static final int MOST = 1000;
    private static final int BUFFER = 1 << 16;
    private static final int ZSTD_WINDOW_LOG = 27;

    private final List<String> images;
    private final Optional<Platform> platform;

    private Verifying(List<String> images, Optional<Platform> platform) {
        this.images = images;
        this.platform = platform;
    }

    static Session.Action parse(Arguments arguments) {
        Optional<Platform> platform =
                Optional.ofNullable(arguments.value("--platform")).map(Platform::parse);
        return new Verifying(arguments.words("IMAGE...", 1, MOST), platform);
    }

    @Override
    public int run(Session session) throws IOException {
        int exit = 0;
        for (String text : images) {
            try {
                StoredImage image = session.library().find(text);
                var check = new Check(session.daemon(), platform);
                check.top(image.target());
                check.faults.forEach(fault -> session.terminal().say(image.name() + ": " + fault));
                if (check.faults.isEmpty()) {
                    session.terminal()
                            .say(image.name() + ": whole, for " + check.platforms + ", " + check.seen.size()
                                    + " blobs, " + Amounts.bytes(check.bytes));
                } else {
                    exit = 1;
                }
            } catch (Fault e) {
                session.terminal().complain(String.valueOf(e.getMessage()));
                exit = 1;
            }
        }
        return exit;
    }

    /** What was seen of one image. */
    private static final class Check {
        private final DaemonClient daemon;
        private final Optional<Platform> wanted;
        private final List<String> faults = new ArrayList<>();
        private final List<String> platforms = new ArrayList<>();
        private final Set<Digest> seen = new HashSet<>();
        private long bytes;

        Check(DaemonClient daemon, Optional<Platform> wanted) {
            this.daemon = daemon;
            this.wanted = wanted;
        }

        void top(Descriptor target) throws IOException {
            descend(target, true);
            if (faults.isEmpty() && platforms.isEmpty()) {
                faults.add(wanted.map(it -> "nothing of it is here for " + it)
                        .orElse("nothing of it is here for any platform"));
            }
        }

        /** @param needed whether it must be here: other platforms' manifests need not, until something of them is */
        private void descend(Descriptor at, boolean needed) throws IOException {
            if (!MediaTypes.isIndex(at.mediaType()) && !MediaTypes.isManifest(at.mediaType())) {
                return;
            }
            Optional<byte[]> json = document(at, needed);
            if (json.isEmpty()) {
                return;
            }
            try {
                ImageTree tree = ImageTree.parse(at.mediaType(), json.get());
                switch (tree) {
                    case Index index -> {
                        for (Descriptor entry : index.manifests()) {
                            if (isWanted(entry)) {
                                descend(entry, wanted.isPresent());
                            }
                        }
                    }
                    case Manifest manifest -> manifest(at, manifest);
                }
            } catch (Fault e) {
                faults.add(at.digest() + ": " + e.getMessage());
            }
        }

        private boolean isWanted(Descriptor entry) {
            return wanted.isEmpty()
                    || entry.runsOn()
                            .map(it -> wanted.get().distanceTo(it).orElse(1) == 0)
                            .orElse(false);
        }

        private void manifest(Descriptor at, Manifest manifest) throws IOException {
            Optional<byte[]> json = document(manifest.config(), true);
            List<Digest> diffIds = List.of();
            if (json.isPresent() && MediaTypes.isConfig(manifest.config().mediaType())) {
                ImageConfig config = ImageConfig.fromJson(json.get());
                diffIds = config.rootfs().diffIds();
                platforms.add(at.runsOn().orElseGet(config::platform).toString());
                if (diffIds.size() != manifest.layers().size()) {
                    faults.add("config " + manifest.config().digest() + " has " + diffIds.size() + " diff ids for "
                            + manifest.layers().size() + " layers");
                }
            }
            for (int i = 0; i < manifest.layers().size(); i++) {
                Descriptor layer = manifest.layers().get(i);
                boolean known = i < diffIds.size() && MediaTypes.isLayer(layer.mediaType());
                blob("layer", layer, known ? Optional.of(diffIds.get(i)) : Optional.empty());
            }
        }

        private Optional<byte[]> document(Descriptor at, boolean needed) throws IOException {
            var copy = new ByteArrayOutputStream();
            Outcome outcome = at.size() > ImageTree.MAX_BYTES
                    ? new Outcome.Wrong("it is too large for a document of an image")
                    : read(at, Optional.empty(), copy);
            switch (outcome) {
                case Outcome.Whole _ -> {
                    return Optional.of(copy.toByteArray());
                }
                case Outcome.Missing _ -> {
                    if (needed) {
                        faults.add(at.digest() + " is missing (" + at.mediaType() + ")");
                    }
                }
                case Outcome.Wrong(String why) -> faults.add(at.digest() + " " + why);
            }
            return Optional.empty();
        }

        private void blob(String kind, Descriptor at, Optional<Digest> diffId) throws IOException {
            if (seen.contains(at.digest())) {
                return; // several platforms may share it
            }
            switch (read(at, diffId, OutputStream.nullOutputStream())) {
                case Outcome.Whole _ -> {}
                case Outcome.Missing _ -> faults.add(kind + " " + at.digest() + " is missing");
                case Outcome.Wrong(String why) -> faults.add(kind + " " + at.digest() + " " + why);
            }
        }

        private Outcome read(Descriptor at, Optional<Digest> diffId, OutputStream copy) throws IOException {
            MessageDigest hasher = at.digest().hasher();
            var blob = new Counted(BlobStream.open(daemon, at.digest()), hasher);
            try (blob) {
                Optional<String> other = diffId.isPresent() ? unpack(blob, diffId.get()) : Optional.empty();
                blob.transferTo(copy);
                seen.add(at.digest());
                bytes += blob.count;
                if (blob.count != at.size()) {
                    return new Outcome.Wrong("has " + blob.count + " bytes and not " + at.size());
                }
                Digest found = at.digest().finish(hasher);
                if (!found.equals(at.digest())) {
                    return new Outcome.Wrong("has the digest " + found);
                }
                return other.<Outcome>map(Outcome.Wrong::new).orElseGet(Outcome.Whole::new);
            } catch (StatusRuntimeException e) {
                if (e.getStatus().getCode() == Status.Code.NOT_FOUND) {
                    return new Outcome.Missing();
                }
                if (e.getStatus().getCode() == Status.Code.UNAVAILABLE) {
                    throw e;
                }
                return new Outcome.Wrong("cannot be read: " + e.getStatus().getDescription());
            }
        }
    }

    /** How it is with one blob. */
    private sealed interface Outcome {
        record Whole() implements Outcome {}

        record Missing() implements Outcome {}

        record Wrong(String why) implements Outcome {}
    }

    /** What is wrong with a layer's unpacked bytes. */
    private static Optional<String> unpack(InputStream packed, Digest diffId) {
        MessageDigest hasher = diffId.hasher();
        var peeking = new BufferedInputStream(new Unclosed(packed), BUFFER);
        try (InputStream archive = unpacked(peeking);
                var hash = new DigestOutputStream(OutputStream.nullOutputStream(), hasher)) {
            archive.transferTo(hash);
            Digest found = diffId.finish(hasher);
            return found.equals(diffId)
                    ? Optional.empty()
                    : Optional.of("unpacks to " + found + " and not to its diff id " + diffId);
        } catch (IOException e) {
            return Optional.of("cannot be unpacked: " + e.getMessage());
        }
    }

    /** The first bytes tell how it is packed: media types are often wrong. */
    private static InputStream unpacked(InputStream peeking) throws IOException {
        peeking.mark(4);
        byte[] magic = peeking.readNBytes(4);
        peeking.reset();
        if (magic.length >= 2 && magic[0] == 0x1f && magic[1] == (byte) 0x8b) {
            return new GZIPInputStream(peeking, BUFFER);
        }
        boolean zstd = magic.length == 4
                && (magic[0] & 0xff) == 0x28
                && (magic[1] & 0xff) == 0xb5
                && magic[2] == 0x2f
                && (magic[3] & 0xff) == 0xfd;
        boolean skippable = magic.length == 4
                && (magic[0] & 0xf0) == 0x50
                && magic[1] == 0x2a
                && magic[2] == 0x4d
                && magic[3] == 0x18;
        return zstd || skippable ? new ZstdInputStreamNoFinalizer(peeking).setLongMax(ZSTD_WINDOW_LOG) : peeking;
    }

    /** A stream that is read on after its reader has closed it. */
    private static final class Unclosed extends FilterInputStream {
        Unclosed(InputStream in) {
            super(in);
        }

        @Override
        public void close() {
            // its owner closes it
        }
    }

    /** Hashes and counts what is read. */
    private static final class Counted extends DigestInputStream {
        private long count;

        Counted(InputStream in, MessageDigest hasher) {
            super(in, hasher);
        }

        @Override
        public int read() throws IOException {
            int b = super.read();
            count += b < 0 ? 0 : 1;
            return b;
        }

        @Override
        public int read(byte[] into, int from, int length) throws IOException {
            int got = super.read(into, from, length);
            count += Math.max(0, got);
            return got;
        }
    }
}
