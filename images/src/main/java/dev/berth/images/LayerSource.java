package dev.berth.images;

import dev.berth.images.registry.Blob;
import dev.berth.kernel.Fault;
import dev.berth.oci.Descriptor;

/** Where the bytes of layers come from that are not in the store. */
interface LayerSource {
    /** Everything was to be in the store already. */
    LayerSource NOWHERE = (layer, offset) -> {
        throw Fault.notFound("layer " + layer.digest(), "it is not there", "The archive or the image is not complete");
    };

    /** Opens a layer at an offset. */
    Blob blob(Descriptor layer, long offset);

    /** Whether a layer may be had from elsewhere, now that what came was not it. */
    default boolean another(Descriptor layer) {
        return false;
    }
}
