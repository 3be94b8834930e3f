package dev.berth.store;

import dev.berth.oci.Digest;

/** How a commit ended. In every case the ingest is over and its reference is free. */
public sealed interface Commit {
    /** The blob is in the store. It survives a power loss after {@link Blobs#flush()}. */
    record Stored(Blob blob) implements Commit {}

    /** Somebody else has stored the same blob meanwhile. */
    record AlreadyThere(Blob blob) implements Commit {}

    /**
     * The bytes are not the ones wanted; they are gone. If the ingest was resumed, what was there before may have suffered
     * from a power loss: begin once more, from zero.
     */
    record WrongDigest(Digest wanted, Digest got) implements Commit {}

    /** There are more or fewer bytes than wanted; they are gone. */
    record WrongSize(long wanted, long got) implements Commit {}
}
