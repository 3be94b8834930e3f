package dev.berth.images;

import dev.berth.kernel.Fault;
import dev.berth.oci.Digest;
import dev.berth.oci.ImageTree;
import dev.berth.snapshots.TarEntry;
import dev.berth.snapshots.TarReader;
import dev.berth.store.Blob;
import dev.berth.store.Blobs;
import dev.berth.store.Commit;
import dev.berth.store.Ingest;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Takes an archive apart: its files become blobs, but for the few that say what the others are. */
final class ArchiveReader {
    static final String LAYOUT = "oci-layout";
    static final String INDEX = "index.json";
    static final String SAVED = "manifest.json";
    static final String BLOBS = "blobs/";

    private static final Set<String> DOCUMENTS = Set.of(LAYOUT, INDEX, SAVED);
    private static final int MAX_FILES = 100_000;
    private static final int MAX_LINKS = 8;
    private static final int CHUNK = 1 << 18;
    private static final Duration LOOK_AGAIN = Duration.ofMillis(500);

    private final Blobs blobs;
    private final Holds.Hold hold;
    private final Map<String, byte[]> documents = new HashMap<>();
    private final Map<String, Blob> files = new HashMap<>();
    private final Map<String, String> links = new HashMap<>();
    private final Set<Digest> brought = new HashSet<>();
    private final ByteBuffer chunk = ByteBuffer.allocate(CHUNK);

    ArchiveReader(Blobs blobs, Holds.Hold hold) {
        this.blobs = blobs;
        this.hold = hold;
    }

    /**
     * Reads all of it.
     *
     * @throws Fault INVALID_ARGUMENT if it is no archive, or a hostile one; RESOURCE_EXHAUSTED; UNAVAILABLE if it stops coming
     */
    void read(InputStream in) throws InterruptedException {
        try (InputStream archive = new ArchiveStream(in)) {
            TarReader reader = new TarReader(archive);
            int count = 0;
            for (TarEntry entry = reader.next(); entry != null; entry = reader.next()) {
                count++;
                if (count > MAX_FILES) {
                    throw Fault.exhausted("read the archive", "it has more than " + MAX_FILES + " files", "");
                }
                take(reader, entry);
            }
        } catch (IOException e) {
            throw Fault.invalid("read the archive", String.valueOf(e.getMessage()), "Make the archive again")
                    .causedBy(e);
        }
    }

    private void take(TarReader reader, TarEntry entry) throws InterruptedException {
        String name = clean("", new String(entry.name(), StandardCharsets.UTF_8));
        switch (entry.kind()) {
            case REGULAR -> {
                if (entry.pieces() != null) {
                    throw bad("its file " + name + " is sparse");
                }
                if (DOCUMENTS.contains(name)) {
                    document(reader, name, entry.size());
                } else {
                    files.put(name, blob(reader, name, entry.size()));
                }
            }
            case SYMLINK -> links.put(name, clean(above(name), new String(entry.link(), StandardCharsets.UTF_8)));
            case HARD_LINK -> links.put(name, clean("", new String(entry.link(), StandardCharsets.UTF_8)));
            case DIRECTORY, CHARACTER_DEVICE, BLOCK_DEVICE, FIFO -> {
                // nothing of an image
            }
        }
    }

    private void document(TarReader reader, String name, long size) {
        if (size > ImageTree.MAX_BYTES) {
            throw bad(name + " has " + size + " bytes, more than " + ImageTree.MAX_BYTES);
        }
        ByteBuffer bytes = ByteBuffer.allocate((int) size);
        while (bytes.hasRemaining()) {
            reader.read(bytes, bytes.remaining());
        }
        if (documents.put(name, bytes.array()) != null) {
            throw bad(name + " is in it twice");
        }
    }

    /** Files that are named by their digest must have it. */
    private Blob blob(TarReader reader, String name, long size) throws InterruptedException {
        Optional<Digest> said = digest(name);
        said.ifPresent(hold::blob);
        var wanted = new Blobs.Wanted(said, OptionalLong.of(size));
        while (true) {
            switch (blobs.begin(Sweeper.once("import"), wanted)) {
                case Blobs.Begin.AlreadyThere(var blob) -> {
                    brought.add(blob.digest());
                    return blob; // what is not read is skipped
                }
                case Blobs.Begin.Busy busy -> busy.await(LOOK_AGAIN);
                case Blobs.Begin.Writing(var ingest) -> {
                    return write(reader, name, size, ingest);
                }
            }
        }
    }

    private Blob write(TarReader reader, String name, long size, Ingest ingest) {
        try {
            long left = size;
            while (left > 0) {
                chunk.clear().limit((int) Math.min(CHUNK, left));
                reader.read(chunk, chunk.remaining());
                left -= chunk.flip().remaining();
                ingest.write(chunk);
            }
            Blob blob = switch (ingest.commit()) {
                case Commit.Stored(var it) -> it;
                case Commit.AlreadyThere(var it) -> it;
                case Commit.WrongDigest(var wanted, var got) ->
                    throw bad("its file " + name + " has other content than its name says: " + got);
                case Commit.WrongSize(var wanted, var got) -> throw bad("its file " + name + " is cut off");
            };
            hold.blob(blob.digest());
            brought.add(blob.digest());
            return blob;
        } finally {
            ingest.abort(); // before its end, after which there would be nothing to throw away; harmless after a commit
        }
    }

    private static Optional<Digest> digest(String name) {
        if (!name.startsWith(BLOBS)) {
            return Optional.empty();
        }
        String[] parts = name.substring(BLOBS.length()).split("/", -1);
        if (parts.length != 2) {
            throw bad("its file " + name + " is no blob");
        }
        if (!Digest.knows(parts[0])) {
            return Optional.empty(); // may be there, as long as nothing of an image is kept under it
        }
        return Optional.of(Digest.parse(parts[0] + ":" + parts[1]));
    }

    /** A name from the archive's top on; what leads out of it is refused. */
    private static String clean(String directory, String name) {
        Deque<String> parts = new ArrayDeque<>();
        for (String part : (name.startsWith("/") ? name : directory + "/" + name).split("/", -1)) {
            if (part.equals("..")) {
                if (parts.pollLast() == null) {
                    throw bad("the name \"" + shown(name) + "\" leads out of it");
                }
            } else if (!part.isEmpty() && !part.equals(".")) {
                parts.addLast(part);
            }
        }
        return String.join("/", parts);
    }

    private static String above(String name) {
        return name.substring(0, Math.max(0, name.lastIndexOf('/')));
    }

    private static String shown(String name) {
        String start = name.length() > 200 ? name.substring(0, 200) + "…" : name;
        return start.replaceAll("\\p{Cntrl}", "?");
    }

    /** One of the files that say what the others are. */
    Optional<byte[]> document(String name) {
        byte @Nullable [] bytes = documents.get(name);
        return Optional.ofNullable(bytes);
    }

    /**
     * A file, by its name or by that of a link to it.
     *
     * @throws Fault INVALID_ARGUMENT if there is none
     */
    Blob file(String name) {
        String at = clean("", name);
        for (int i = 0; i < MAX_LINKS; i++) {
            Blob found = files.get(at);
            String target = links.get(at);
            if (found != null || target == null) {
                return Optional.ofNullable(found)
                        .orElseThrow(() -> bad("there is no file \"" + shown(name) + "\" in it, which it needs"));
            }
            at = target;
        }
        throw bad("\"" + shown(name) + "\" is a link that leads nowhere");
    }

    /** All blobs of the archive; those that were there before may be what a broken import left. */
    Set<Digest> brought() {
        return brought;
    }

    static Fault bad(String why) {
        return Fault.invalid("read the archive", why, "The archive is broken or hostile: make it again");
    }
}
