package dev.berth.store;

import dev.berth.kernel.Fault;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;

/** An open blob. It stays readable while it is open, even if it is deleted meanwhile. */
public final class BlobReader implements AutoCloseable {
    private final Blob blob;
    private final FileChannel channel;

    BlobReader(Blob blob, FileChannel channel) {
        this.blob = blob;
        this.channel = channel;
    }

    public Blob blob() {
        return blob;
    }

    /** Bytes. */
    public long size() {
        return blob.size();
    }

    /** The file, positioned at its start; closed with this object. */
    public FileChannel channel() {
        return channel;
    }

    /** The bytes from the channel's position on. */
    public InputStream stream() {
        return Channels.newInputStream(channel);
    }

    /**
     * Reads at an offset without moving the channel.
     *
     * @return how many bytes were read; -1 at the end
     */
    public int read(ByteBuffer into, long offset) {
        try {
            return channel.read(into, offset);
        } catch (IOException e) {
            throw DiskFault.of("read blob " + blob.digest(), e);
        }
    }

    /**
     * Closes the file.
     *
     * @throws Fault UNAVAILABLE if the file system fails
     */
    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw DiskFault.of("close blob " + blob.digest(), e);
        }
    }
}
