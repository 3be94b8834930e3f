package dev.berth.shim.runtime;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The directory into which CRIU writes the state of processes, and the standard streams in it.
 *
 * <p>Runtimes give the streams of a restored container to CRIU by their names in {@code descriptors.json}, a list of three
 * texts, where these are names of pipes. The streams that we give to a container are FIFOs of the node, which CRIU knows as
 * files from outside, {@code file[MOUNT:INODE]}. So they are given the name of a pipe, of the same length, in the list and in
 * the state. With that the state can be restored by every runtime that gives pipes, not by ours alone.
 *
 * @see <a href="https://criu.org/External_files">CRIU: external files; --inherit-fd</a>
 */
public final class CheckpointImages {
    private static final String INVENTORY = "inventory.img";
    private static final String FILES = "files.img";
    private static final String DESCRIPTORS = "descriptors.json";

    /** The tag of a file's name in its entry of {@code files.img}: field 6, a text. */
    private static final byte NAME = 0x32;

    private final Path directory;

    public CheckpointImages(Path directory) {
        this.directory = directory;
    }

    /** Whether there is a state in it, as far as can be seen from outside. */
    public boolean complete() {
        return Files.isRegularFile(directory.resolve(INVENTORY)) && Files.isRegularFile(directory.resolve(DESCRIPTORS));
    }

    /**
     * An open FIFO outside of the container.
     *
     * @param mount id of the mount through which it was opened
     */
    public record Outside(int mount, long inode) {
        /** Its name as CRIU makes it, without its first part. */
        private String place() {
            return Integer.toHexString(mount) + ":" + Long.toHexString(inode) + "]";
        }

        String file() {
            return "file[" + place();
        }

        String pipe() {
            return "pipe:" + place();
        }
    }

    /** Writes the options that let CRIU pass over files from outside. */
    public static void writeOptions(Path config, Set<Outside> files) throws IOException {
        StringBuilder options = new StringBuilder();
        files.forEach(file -> options.append("external ").append(file.file()).append('\n'));
        Files.writeString(config, options);
    }

    /**
     * Names them as pipes.
     *
     * @param streams by the number of the stream as which a restored container gets them
     */
    public void nameStreams(Map<Integer, Outside> streams) throws IOException {
        Path state = directory.resolve(FILES);
        byte[] bytes = Files.readAllBytes(state);
        streams.values().forEach(file -> rename(bytes, file));
        Files.write(state, bytes);
        Path list = directory.resolve(DESCRIPTORS);
        Files.writeString(list, named(Files.readString(list), streams));
    }

    private static String named(String list, Map<Integer, Outside> streams) {
        List<String> names =
                new ArrayList<>(JsonObjectText.EMPTY.with("names", list).elements("names"));
        streams.forEach((number, file) -> {
            if (number < names.size()) {
                names.set(number, JsonObjectText.quoted(file.pipe()));
            }
        });
        return "[" + String.join(",", names) + "]";
    }

    private static void rename(byte[] bytes, Outside file) {
        byte[] from = file.file().getBytes(StandardCharsets.US_ASCII);
        byte[] to = file.pipe().getBytes(StandardCharsets.US_ASCII);
        for (int at = 2; at + from.length <= bytes.length; at++) {
            if (bytes[at - 2] == NAME
                    && bytes[at - 1] == from.length
                    && Arrays.equals(bytes, at, at + from.length, from, 0, from.length)) {
                System.arraycopy(to, 0, bytes, at, to.length);
            }
        }
    }
}
