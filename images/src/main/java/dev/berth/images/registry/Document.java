package dev.berth.images.registry;

import dev.berth.oci.Descriptor;
import dev.berth.oci.ImageTree;
import org.jspecify.annotations.Nullable;

/** A manifest or index as it was sent: the bytes have been checked against the digest. */
public final class Document {
    private final Descriptor descriptor;
    private final byte[] bytes;
    private @Nullable ImageTree tree; // whoever reads it twice at the same time makes the same

    /**
     * A document whose bytes the caller has checked.
     *
     * @param bytes not copied
     */
    public Document(Descriptor descriptor, byte[] bytes) {
        this.descriptor = descriptor;
        this.bytes = bytes;
    }

    /**
     * What it is. Digest and size are those of the bytes; the media type is the one that an index or the registry gave, unless the
     * registry said nothing of use: then the document's own.
     */
    public Descriptor descriptor() {
        return descriptor;
    }

    /** The bytes themselves; not a copy. */
    public byte[] bytes() {
        return bytes;
    }

    /**
     * What the bytes mean.
     *
     * @throws dev.berth.kernel.Fault INVALID_ARGUMENT if they are not what their media type says
     */
    public ImageTree tree() {
        ImageTree read = tree;
        if (read == null) {
            read = ImageTree.parse(descriptor.mediaType(), bytes);
            tree = read;
        }
        return read;
    }
}
