package dev.berth.snapshots;

import java.io.InputStream;
import java.util.Map;

/**
 * The layers of one image on their way into the snapshotter.
 *
 * <p>{@link #unpack} turns each layer into a draft, in any order, on several threads, if {@link #sideBySide}. {@link #append}
 * then stacks the drafts, lowest first, on one thread: a directory that a layer has no entry of its own for takes owner,
 * mode, times and attributes from the layer below. A layer that can't be understood without those below it (it writes
 * through a link of a lower layer, or links to a file there) is not placed; its bytes are needed once more, for {@link
 * #appendInTurn}. {@link #commit} makes all of it durable and then visible. {@link #close} removes what was not committed.
 *
 * <pre>{@code
 * try (LayerChain chain = snapshotter.layers(namespace, base)) {
 *     LayerDraft first = chain.unpack(tar);                       // on a pool
 *     switch (chain.append(chainId, labels, first)) {
 *         case Placement.Placed placed -> { }
 *         case Placement.NeedsParent why -> chain.appendInTurn(chainId, labels, tarAgain);
 *     }
 *     chain.commit();
 * }
 * }</pre>
 */
public interface LayerChain extends AutoCloseable {
    /** Whether layers may be unpacked before those below them; if not, use {@link #appendInTurn} for each. */
    boolean sideBySide();

    /**
     * Unpacks a layer into a directory of its own. Reads the stream to its end, also if the layer turns out to need its
     * parent, but does not close it. Interrupting the thread ends it with CANCELLED.
     *
     * @param tar the layer, uncompressed
     * @throws dev.berth.kernel.Fault INVALID_ARGUMENT if it is no tar archive, is cut off, or has an entry that must not be;
     *     RESOURCE_EXHAUSTED if it is beyond a limit or the disk is full; nothing of it is left then
     */
    LayerDraft unpack(InputStream tar);

    /**
     * Stacks a draft on the layers appended so far.
     *
     * @param name the key of its snapshot: the chain id up to this layer
     */
    Placement append(String name, Map<String, String> labels, LayerDraft draft);

    /** Unpacks a layer on top of the layers appended so far. Faults as {@link #unpack}. */
    Placement.Placed appendInTurn(String name, Map<String, String> labels, InputStream tar);

    /**
     * Flushes the file system and then makes every layer appended a committed snapshot, all or none. A name that somebody
     * else has committed meanwhile is kept as it is, and ours is dropped. The records survive the end of this process; a
     * power loss too after the next durable write, for instance that of the image.
     */
    void commit();

    /** Removes what was not committed, when every call of unpack has returned. Calling it again is harmless. */
    @Override
    void close();
}
