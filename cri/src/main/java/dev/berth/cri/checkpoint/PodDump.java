package dev.berth.cri.checkpoint;

import dev.berth.kernel.Fault;
import io.avaje.jsonb.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
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
    private static final String FILE = "pod.dump";
    private static final String SEAL = "pod.seal";
    private static final Pattern PLAIN = Pattern.compile("container-[0-9]{1,6}\\.tar");

    /**
     * A container of it.
     *
     * @param file its archive, beside this
     */
    @Json
    public record Member(String name, String containerId, String file) {
        /** One at a place in the order. */
        public static Member at(int place, String name, String containerId) {
            return new Member(name, containerId, "container-" + place + ".tar");
        }
    }

    public PodDump(String id, String namespace, String name, List<Member> containers) {
        this(VERSION, id, namespace, name, containers);
    }

    /** Writes it into a directory. */
    public void write(Path directory, Seal seal) throws IOException {
        byte[] text = Texts.bytes(PodDump.class, this);
        Files.write(directory.resolve(FILE), text);
        Files.writeString(directory.resolve(SEAL), seal.of(text));
    }

    /**
     * Reads what a directory says.
     *
     * @throws Fault NOT_FOUND if there is none; PERMISSION_DENIED if its seal is missing or that of another node
     */
    public static PodDump read(Path directory, Seal seal) {
        String what = "read the checkpoint " + directory;
        Path file = directory.resolve(FILE);
        Path sealed = directory.resolve(SEAL);
        try {
            if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
                throw Fault.notFound(
                        what, "there is no file " + FILE + " in it", "Name what CheckpointPod has written");
            }
            if (Files.size(file) > MOST) {
                throw Fault.invalid(what, FILE + " is larger than " + MOST + " bytes", "");
            }
            byte[] text = Files.readAllBytes(file);
            boolean fits = Files.isRegularFile(sealed, LinkOption.NOFOLLOW_LINKS)
                    && Files.size(sealed) < MOST
                    && seal.fits(
                            text,
                            Files.readString(sealed, StandardCharsets.ISO_8859_1)
                                    .getBytes(StandardCharsets.ISO_8859_1));
            if (!fits) {
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

    private PodDump checked(String what) {
        if (version != VERSION) {
            throw Fault.precondition(what, "it has version " + version, "Use a node with the same version of Berth");
        }
        if (!containers.stream().allMatch(each -> PLAIN.matcher(each.file()).matches())) {
            throw Fault.invalid(what, "it names files that cannot be its own", "");
        }
        return this;
    }
}
