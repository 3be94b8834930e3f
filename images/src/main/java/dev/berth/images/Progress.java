package dev.berth.images;

import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import java.util.List;

/**
 * Is told how a pull goes on. Called from several threads, often; it must return at once and throw nothing. Who joins a pull that is
 * under way is told from there on, with what is known first.
 */
public interface Progress {
    /** Tells nobody. */
    Progress NONE = new Progress() {
        @Override
        public void resolved(Descriptor manifest, List<Descriptor> layers) {}

        @Override
        public void layer(Digest layer, Stage stage, long bytes) {}
    };

    /**
     * Where a layer is. Nothing is said of one that is unpacked already. A layer may skip stages, and never goes back, except from
     * DOWNLOADING to a smaller number of bytes.
     */
    enum Stage {
        /** It has to be brought here, and its turn has not come. */
        WAITING,
        /** Its bytes are coming in, and are unpacked as they come. */
        DOWNLOADING,
        /** All bytes are here; the unpacking goes on. */
        UNPACKING,
        /** Nothing is left to do but to make it last. */
        DONE
    }

    /**
     * A document or a config is here; those above it have been told before.
     *
     * @param names what it names itself
     * @param before whether it was here already
     */
    default void found(Descriptor part, List<Descriptor> names, boolean before) {}

    /** It is known what has to be there in the end, lowest layer first. */
    void resolved(Descriptor manifest, List<Descriptor> layers);

    /**
     * A layer has come further.
     *
     * @param bytes of the layer as it is sent, that are here
     */
    void layer(Digest layer, Stage stage, long bytes);
}
