package dev.berth.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.images.registry.Document;
import dev.berth.images.sample.ImageBuilder;
import dev.berth.kernel.Fault;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.Index;
import dev.berth.oci.MediaTypes;
import dev.berth.oci.Platform;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.ThrowableAssert;
import org.junit.jupiter.api.Test;

class SelectionTest {
    private static final PullRequest.Extent HERE = PullRequest.Extent.of(Platform.host());
    private static final PullRequest.Extent ALL = new PullRequest.Extent(List.of(), List.of(), true);

    /** Documents by their digest; counts how often one is asked for. */
    private static final class Documents implements ImageParts.Source {
        private final Map<Digest, byte[]> all = new HashMap<>();
        private int asked;

        Descriptor add(List<Descriptor> entries) {
            byte[] bytes = Index.of(MediaTypes.OCI_INDEX, entries).toJson();
            Digest digest = Digest.of(bytes);
            all.put(digest, bytes);
            return Descriptor.of(MediaTypes.OCI_INDEX, digest, bytes.length);
        }

        @Override
        public Document document(Descriptor descriptor) {
            asked++;
            return new Document(descriptor, all.getOrDefault(descriptor.digest(), new byte[0]));
        }

        @Override
        public byte[] config(Descriptor descriptor) {
            throw new AssertionError("there is no image");
        }
    }

    @Test
    void anIndexThatNamesTheSameAgainAndAgainIsReadOnce() {
        Documents documents = new Documents();
        Descriptor top = documents.add(List.of());
        for (int level = 0; level < 4; level++) {
            top = documents.add(Collections.nCopies(1000, top));
        }
        Selection selection = Selection.of(documents.document(top), ALL, documents);
        assertThat(selection.documents()).hasSize(5);
        assertThat(documents.asked).isEqualTo(5);
    }

    @Test
    void anImageForAnotherProcessorIsTakenIfThereIsNoOther() {
        Platform other = Platform.parse("linux/s390x");
        ImageBuilder.Built built = new ImageBuilder().platform(other).build();
        Selection alone = Selection.of(document(built, built.manifest()), HERE, source(built));
        assertThat(alone.images()).hasSize(1).allMatch(alone::isForced).allMatch(alone::unpacks);
        Document index = document(built, built.target());
        refused(() -> Selection.of(index, HERE, source(built)), "only those for linux/s390x");
        ImageBuilder.Built windows =
                new ImageBuilder().platform(Platform.parse("windows/amd64")).build();
        Document foreign = document(windows, windows.manifest());
        refused(() -> Selection.of(foreign, HERE, source(windows)), "it is for windows/amd64");
    }

    private static void refused(ThrowableAssert.ThrowingCallable call, String why) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.NOT_FOUND))
                .hasMessageContaining(why);
    }

    private static Document document(ImageBuilder.Built built, Descriptor descriptor) {
        return source(built).document(descriptor);
    }

    private static ImageParts.Source source(ImageBuilder.Built built) {
        return new ImageParts.Source() {
            @Override
            public Document document(Descriptor descriptor) {
                return new Document(descriptor, config(descriptor));
            }

            @Override
            public byte[] config(Descriptor descriptor) {
                return built.blobs().getOrDefault(descriptor.digest(), new byte[0]);
            }
        };
    }

    @Test
    void allDocumentsTogetherAreBounded() {
        Documents documents = new Documents();
        Descriptor large = Descriptor.of("application/x", Digest.of(new byte[0]), 1);
        List<Descriptor> children = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            List<Descriptor> entries = new ArrayList<>(Collections.nCopies(1000, large));
            entries.add(Descriptor.of("application/x", Digest.of(new byte[i + 1]), 1));
            children.add(documents.add(entries));
        }
        Descriptor top = documents.add(children);
        assertThatThrownBy(() -> Selection.of(documents.document(top), ALL, documents))
                .isInstanceOf(Fault.class)
                .hasMessageContaining("bytes of them");
    }
}
