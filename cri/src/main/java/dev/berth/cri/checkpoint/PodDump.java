package dev.berth.cri.checkpoint;

import dev.berth.kernel.Fault;
import io.avaje.jsonb.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.regex.Pattern;

/**
 * What the directory with the checkpoint of a pod says of itself: which archives belong to it.
 *
 * @param version of the layout
 * @param id of the pod
 * @param namespace in which the kubelet knows it, as {@code name}
 */
@Json
public record PodDump(int version, String id, String namespace, String name, List<Member> containers) {
    private static final int VERSION = 1;
    private static final int MOST = 4 << 20;
    private static final int MOST_SEAL = 1 << 10;
    private static final String FILE = "pod.dump";
    private static final String SEAL = "pod.seal";
    private static final Pattern PLAIN = Pattern.compile("container-[0-9]{1,6}\\.tar");

    /**
     * A container of it.
     *
     * @param file its archive, beside this
     * @param archive which one: there may be others of the same container
     */
    @Json
    public record Member(String name, String containerId, String file, Archive archive) {
        /** The name of the archive at a place in the order. */
        public static String file(int place) {
            return "container-" + place + ".tar";
        }
    }

    /**
     * What tells one archive from all others.
     *
     * @param sha256 in hexadecimal
     */
    @Json
    public record Archive(long size, String sha256) {}

    /** Whether a file may be part of a checkpoint of a pod. */
    public static boolean isPart(String name) {
        return name.equals(FILE) || name.equals(SEAL) || PLAIN.matcher(name).matches();
    }

    public PodDump(String id, String namespace, String name, List<Member> containers) {
        this(VERSION, id, namespace, name, containers);
    }

    /** Whether a directory has all that there is of a checkpoint: the seal comes last. */
    public static boolean isWhole(Path directory) {
        return Files.exists(directory.resolve(SEAL));
    }

    /** Writes it into a directory, where it must not be yet. */
    public void write(Path directory, Seal seal) throws IOException {
        byte[] text = Texts.bytes(PodDump.class, this);
        write(directory.resolve(FILE), text);
        write(directory.resolve(SEAL), seal.of(text).getBytes(StandardCharsets.US_ASCII));
    }

    private static void write(Path file, byte[] text) throws IOException {
        Files.createFile(file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.write(file, text, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
    }

    /**
     * Reads what a directory says.
     *
     * @throws Fault NOT_FOUND if there is none; PERMISSION_DENIED if its seal is missing or that of another node
     */
    public static PodDump read(Path directory, Seal seal) {
        String what = "read the checkpoint " + directory;
        try {
            byte[] text = PlainFile.text(what, directory.resolve(FILE), MOST);
            if (text.length > MOST) {
                throw Fault.invalid(what, FILE + " is larger than " + MOST + " bytes", "");
            }
            if (!seal.fits(text, sealIn(what, directory))) {
                throw Fault.of(
                        Fault.Code.PERMISSION_DENIED,
                        what,
                        "its seal is missing or not that of this node's key",
                        "Restore what this node has made, or give it the key of the node that has made it");
            }
            return Texts.read(what, PodDump.class, text).checked(what);
        } catch (IOException e) {
            throw Fault.unavailable(what, String.valueOf(e.getMessage()), "").causedBy(e);
        }
    }

    private static byte[] sealIn(String what, Path directory) throws IOException {
        try {
            return PlainFile.text(what, directory.resolve(SEAL), MOST_SEAL);
        } catch (Fault missing) {
            return new byte[0];
        }
    }

    private PodDump checked(String what) {
        if (version != VERSION) {
            throw Fault.precondition(what, "it has version " + version, "Use a node with the same version of Berth");
        }
        if (!containers.stream()
                .allMatch(each ->
                        each.archive() != null && PLAIN.matcher(each.file()).matches())) {
            throw Fault.invalid(what, "it names files that cannot be its own", "");
        }
        return this;
    }
}
