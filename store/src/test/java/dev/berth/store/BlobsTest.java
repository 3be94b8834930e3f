package dev.berth.store;

import static dev.berth.store.StoreRoot.bytes;
import static dev.berth.store.StoreRoot.digest;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import dev.berth.oci.Digest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class BlobsTest {
    private static final String TEXT = "some content";

    @TempDir
    Path root;

    private Store store;
    private Blobs blobs;

    @BeforeEach
    void open() {
        store = StoreRoot.open(root);
        blobs = store.blobs();
    }

    @AfterEach
    void close() {
        store.close();
    }

    @Test
    void aBlobIsReadableOnceCommittedAndInPlaceOnceFlushed() throws IOException {
        Commit commit = ingest("a", TEXT);

        assertThat(commit).isInstanceOf(Commit.Stored.class);
        assertThat(blobs.read(digest(TEXT), 100)).isEqualTo(bytes(TEXT));
        assertThat(placeOf(TEXT)).doesNotExist();

        blobs.flush();

        assertThat(placeOf(TEXT)).hasBinaryContent(bytes(TEXT));
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(placeOf(TEXT))))
                .isEqualTo("r--r--r--");
        assertThat(blobs.read(digest(TEXT), 100)).isEqualTo(bytes(TEXT));
        assertThat(root.resolve("ingest")).isEmptyDirectory();
    }

    @Test
    void directoriesAreForTheOwnerOnly() throws IOException {
        for (String directory : new String[] {"meta", "blobs", "blobs/sha256", "blobs/sha512", "ingest"}) {
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(root.resolve(directory))))
                    .as(directory)
                    .isEqualTo("rwx------");
        }
    }

    @Test
    void anInterruptedIngestGoesOn() {
        Blobs.Wanted wanted = Blobs.Wanted.of(digest(TEXT), TEXT.length());
        try (Ingest first = writing("a", wanted)) {
            first.write(bytes("some "), 0, 5);
        }
        assertThat(blobs.ingests()).singleElement().satisfies(status -> {
            assertThat(status.ref()).isEqualTo("a");
            assertThat(status.offset()).isEqualTo(5);
            assertThat(status.wanted()).isEqualTo(wanted);
            assertThat(status.startedAt()).isEqualTo(StoreRoot.NOW);
        });

        try (Ingest second = writing("a", wanted)) {
            assertThat(second.resumed()).isTrue();
            assertThat(second.offset()).isEqualTo(5);
            second.write(ByteBuffer.wrap(bytes("content")));
            assertThat(second.commit()).isInstanceOf(Commit.Stored.class);
        }
        assertThat(blobs.ingests()).isEmpty();
    }

    @Test
    void whatAClientSaysOfItsIngestIsKept() throws IOException {
        announced("a", new Blobs.Announced(12, true));
        announced("a", new Blobs.Announced(0, false));
        assertThat(blobs.findIngest("a")).hasValueSatisfying(status -> {
            assertThat(status.announced()).isEqualTo(new Blobs.Announced(12, false));
            assertThat(status.offset()).isEqualTo(10);
        });
        announced("a", new Blobs.Announced(13, true));
        assertThat(blobs.findIngest("a")).as("another total is another blob").hasValueSatisfying(status -> {
            assertThat(status.announced()).isEqualTo(new Blobs.Announced(13, true));
            assertThat(status.offset()).isEqualTo(5);
        });
    }

    private void announced(String ref, Blobs.Announced announced) {
        if (blobs.begin(ref, Blobs.Wanted.ANYTHING, announced) instanceof Blobs.Begin.Writing(var ingest)) {
            try (ingest) {
                ingest.write(bytes("some "), 0, 5);
            }
        }
    }

    @Test
    void wrongBytesAreRefusedAndGone() {
        try (Ingest ingest = writing("a", Blobs.Wanted.of(digest(TEXT), TEXT.length()))) {
            ingest.write(bytes("other bytes!"), 0, 12);
            assertThat(ingest.commit()).isEqualTo(new Commit.WrongDigest(digest(TEXT), digest("other bytes!")));
        }
        assertThat(blobs.find(digest(TEXT))).isEmpty();
        assertThat(blobs.find(digest("other bytes!"))).isEmpty();
        assertThat(blobs.findIngest("a")).isEmpty();
        assertThat(root.resolve("ingest")).isEmptyDirectory();
    }

    @Test
    void tooFewBytesAreRefused() {
        try (Ingest ingest = writing("a", Blobs.Wanted.of(digest(TEXT), TEXT.length()))) {
            ingest.write(bytes("some"), 0, 4);
            assertThat(ingest.commit()).isEqualTo(new Commit.WrongSize(12, 4));
        }
        assertThat(root.resolve("ingest")).isEmptyDirectory();
    }

    @Test
    void anEndlessBodyEndsAtTheSizeAnnounced() {
        try (Ingest ingest = writing("a", Blobs.Wanted.of(digest(TEXT), TEXT.length()))) {
            ingest.write(bytes(TEXT), 0, 12);
            assertThatThrownBy(() -> ingest.write(bytes("x"), 0, 1)).satisfies(has(Fault.Code.OUT_OF_RANGE));
            assertThat(ingest.commit()).isInstanceOf(Commit.Stored.class);
        }
    }

    @Test
    void oneWriterPerReferenceAndPerDigest() throws InterruptedException {
        Blobs.Wanted wanted = Blobs.Wanted.of(digest(TEXT), TEXT.length());
        Ingest first = writing("a", wanted);
        first.write(bytes("some "), 0, 5);

        assertThat(blobs.begin("a", Blobs.Wanted.ANYTHING)).isInstanceOf(Blobs.Begin.Busy.class);
        assertThat(blobs.begin("b", wanted)).isInstanceOfSatisfying(Blobs.Begin.Busy.class, busy -> {
            assertThat(busy.offset()).isEqualTo(5);
            first.write(bytes("content"), 0, 7);
            first.commit();
        });
        assertThat(blobs.begin("b", wanted)).isInstanceOf(Blobs.Begin.AlreadyThere.class);
    }

    @Test
    void whoFindsAnotherWriterCanWaitForIt() throws InterruptedException {
        Ingest first = writing("a", Blobs.Wanted.ANYTHING);
        Blobs.Begin.Busy busy = (Blobs.Begin.Busy) blobs.begin("a", Blobs.Wanted.ANYTHING);
        Thread closer = Thread.ofVirtual().start(first::close);
        assertThat(busy.await(Duration.ofSeconds(10))).isTrue();
        closer.join();
        writing("a", Blobs.Wanted.ANYTHING).close();
    }

    @Test
    void theDigestMayBeKnownOnlyAtTheEnd() throws Exception {
        HexFormat hex = HexFormat.of();
        Digest sha512 = new Digest(
                "sha512", hex.formatHex(MessageDigest.getInstance("SHA-512").digest(bytes(TEXT))));
        try (Ingest ingest = writing("a", Blobs.Wanted.ANYTHING)) {
            ingest.write(bytes(TEXT), 0, 12);
            Commit commit = ingest.commit(new Blobs.Wanted(Optional.of(sha512), OptionalLong.empty()));
            assertThat(commit).isInstanceOf(Commit.Stored.class);
        }
        blobs.flush();
        assertThat(blobs.read(sha512, 100)).isEqualTo(bytes(TEXT));
        assertThat(root.resolve("blobs/sha512").resolve(sha512.hex())).exists();
    }

    @Test
    void theSecondCommitOfABlobIsToldSo() {
        Ingest first = writing("a", Blobs.Wanted.ANYTHING);
        Ingest second = writing("b", Blobs.Wanted.ANYTHING);
        first.write(bytes(TEXT), 0, 12);
        second.write(bytes(TEXT), 0, 12);
        assertThat(first.commit()).isInstanceOf(Commit.Stored.class);
        assertThat(second.commit()).isInstanceOf(Commit.AlreadyThere.class);
        blobs.flush();
        assertThat(blobs.list())
                .singleElement()
                .satisfies(info -> assertThat(info.digest()).isEqualTo(digest(TEXT)));
        assertThat(root.resolve("ingest")).isEmptyDirectory();
    }

    @Test
    void aReferenceCanBeUsedAgainBeforeTheFlush() {
        ingest("a", TEXT);
        ingest("a", "another text");
        assertThat(blobs.list()).hasSize(2);
        blobs.flush();
        assertThat(blobs.list()).hasSize(2);
    }

    @Test
    void abortThrowsAwayAndEndsTheWriter() {
        Ingest ingest = writing("a", Blobs.Wanted.ANYTHING);
        ingest.write(bytes(TEXT), 0, 12);
        blobs.abort("a");
        assertThatThrownBy(() -> ingest.write(bytes("x"), 0, 1)).satisfies(has(Fault.Code.CANCELLED));
        assertThat(blobs.ingests()).isEmpty();
        assertThatThrownBy(() -> blobs.abort("a")).satisfies(has(Fault.Code.NOT_FOUND));
        try (Ingest next = writing("a", Blobs.Wanted.ANYTHING)) {
            assertThat(next.offset()).isZero();
        }
    }

    @Test
    void whatIsBeingWrittenOrWasBegunSinceIsNotAbandoned() {
        try (Ingest ingest = writing("a", Blobs.Wanted.ANYTHING)) {
            ingest.write(bytes(TEXT), 0, 12);
            blobs.abandon("a", StoreRoot.NOW);
            assertThat(blobs.findIngest("a")).isPresent();
        }
        blobs.abandon("a", StoreRoot.NOW.minusSeconds(1));
        assertThat(blobs.findIngest("a")).isPresent();
        blobs.abandon("a", StoreRoot.NOW);
        assertThat(blobs.findIngest("a")).isEmpty();
        assertThatThrownBy(() -> blobs.abandon("a", StoreRoot.NOW)).satisfies(has(Fault.Code.NOT_FOUND));
    }

    @Test
    void deleteBeforeAndAfterTheFlush() {
        ingest("a", TEXT);
        assertThat(blobs.delete(digest(TEXT))).isTrue();
        assertThat(blobs.find(digest(TEXT))).isEmpty();
        blobs.flush();
        ingest("b", TEXT);
        blobs.flush();
        try (Blobs.Reader reader = blobs.open(digest(TEXT))) {
            assertThat(blobs.delete(digest(TEXT))).isTrue();
            ByteBuffer tail = ByteBuffer.allocate(100);
            assertThat(reader.read(tail, 5)).isEqualTo(7);
        }
        assertThat(blobs.delete(digest(TEXT))).isFalse();
        assertThatThrownBy(() -> blobs.open(digest(TEXT))).satisfies(has(Fault.Code.NOT_FOUND));
    }

    @Test
    void usageIsCountedOnceAndKeptUp() {
        blobs.put(bytes("one"));
        assertThat(blobs.usage()).isEqualTo(new Blobs.Usage(1, 3));
        blobs.put(bytes("four"));
        blobs.put(bytes("four"));
        blobs.flush();
        assertThat(blobs.usage()).isEqualTo(new Blobs.Usage(2, 7));
        blobs.delete(digest("one"));
        assertThat(blobs.usage()).isEqualTo(new Blobs.Usage(1, 4));
    }

    @Test
    void aBlobWhoseBytesChangedIsNotServed() throws IOException {
        blobs.put(bytes(TEXT));
        blobs.flush();
        Files.setPosixFilePermissions(placeOf(TEXT), PosixFilePermissions.fromString("rw-------"));
        Files.write(placeOf(TEXT), bytes("sOme content"));
        assertThatThrownBy(() -> blobs.read(digest(TEXT), 100)).satisfies(has(Fault.Code.DATA_LOSS));
        assertThatThrownBy(() -> blobs.read(digest(TEXT), 3)).satisfies(has(Fault.Code.OUT_OF_RANGE));
        assertThatThrownBy(() -> blobs.begin("b", Blobs.Wanted.of(digest(TEXT), 13)))
                .satisfies(has(Fault.Code.INVALID_ARGUMENT));
    }

    @Test
    void anUnflushedBlobIsAnUnfinishedIngestToTheNextProcess() {
        ingest("a", TEXT);
        store.close();
        open();
        assertThat(blobs.find(digest(TEXT))).isEmpty();
        try (Ingest again = writing("a", Blobs.Wanted.of(digest(TEXT), 12))) {
            assertThat(again.offset()).isEqualTo(12);
            assertThat(again.commit()).isInstanceOf(Commit.Stored.class);
        }
    }

    private Commit ingest(String ref, String text) {
        try (Ingest ingest = writing(ref, Blobs.Wanted.of(digest(text), text.length()))) {
            ingest.write(bytes(text), 0, text.length());
            return ingest.commit();
        }
    }

    private Ingest writing(String ref, Blobs.Wanted wanted) {
        return ((Blobs.Begin.Writing) blobs.begin(ref, wanted)).ingest();
    }

    private Path placeOf(String text) {
        return root.resolve("blobs/sha256").resolve(digest(text).hex());
    }

    static java.util.function.Consumer<Throwable> has(Fault.Code code) {
        return e -> assertThat(e)
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(code));
    }
}
