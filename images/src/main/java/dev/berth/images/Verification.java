package dev.berth.images;

import dev.berth.kernel.Fault;
import dev.berth.linux.Child;
import dev.berth.linux.Execution;
import dev.berth.linux.LinuxException;
import dev.berth.oci.Descriptor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Programs of the node's owner that judge an image before anything of it is fetched: each is told the name and the digest, and every
 * one has to agree. They are those of containerd.
 *
 * @param directory where they are; if it does not exist or is empty, every image is taken
 * @param most how many of them are asked, in the order of their names; negative for all
 * @param limit how long one may take
 * @see <a href="https://github.com/containerd/containerd/blob/main/docs/image-verification.md">containerd, image verification</a>
 */
public record Verification(Path directory, int most, Duration limit) {
    /** Takes every image. */
    public static final Verification NONE = new Verification(Path.of("/nonexistent"), 0, Duration.ofSeconds(10));

    private static final Logger LOG = LoggerFactory.getLogger(Verification.class);
    private static final int OUTPUT_BYTES = 32 << 10;
    private static final int MOST_SHOWN = 500;
    private static final String MEDIA_TYPE = "application/vnd.oci.descriptor.v1+json";

    /**
     * Asks them all.
     *
     * @param name the reference that is pulled
     * @param target what it points to
     * @throws Fault PERMISSION_DENIED if one refuses; FAILED_PRECONDITION if one cannot be run; UNAVAILABLE if one takes too long
     */
    void judge(String name, Descriptor target) throws InterruptedException {
        List<Path> programs = programs();
        int asked = most < 0 ? programs.size() : Math.min(most, programs.size());
        if (asked < programs.size()) {
            LOG.warn(
                    "{} image verifiers in {} are not asked: at most {} are", programs.size() - asked, directory, most);
        }
        for (Path program : programs.subList(0, asked)) {
            judge(program, name, target);
        }
    }

    private List<Path> programs() {
        try (Stream<Path> files = Files.list(directory)) {
            return files.sorted().toList();
        } catch (NoSuchFileException e) {
            return List.of(); // nobody judges; whatever else hinders us must not let an image pass
        } catch (IOException e) {
            throw Fault.precondition(
                            "image verifiers in " + directory, "they cannot be listed: " + e, "Correct the directory")
                    .causedBy(e);
        }
    }

    private void judge(Path program, String name, Descriptor target) throws InterruptedException {
        Child.Command command = Child.command(
                        program.toString(),
                        "-name",
                        name,
                        "-digest",
                        target.digest().toString(),
                        "-stdin-media-type",
                        MEDIA_TYPE)
                .environment(System.getenv());
        var limits = new Execution.Limits(limit, OUTPUT_BYTES, OUTPUT_BYTES);
        String verifier = "image verifier " + program.getFileName();
        try {
            switch (Execution.run(command, target.toJson(), limits)) {
                case Execution.Outcome.TimedOut(String errors) -> {
                    told(verifier, errors);
                    throw Fault.unavailable(
                            verifier,
                            "it gave no answer within " + limit.toMillis() / 1000.0 + " s",
                            "Try again later");
                }
                case Execution.Outcome.Ended ended -> {
                    told(verifier, ended.errors());
                    settle(verifier, name, ended);
                }
            }
        } catch (LinuxException e) {
            throw Fault.precondition(
                            verifier,
                            "it cannot be run: " + e.getMessage(),
                            "Correct it, or remove it from " + directory)
                    .causedBy(e);
        }
    }

    private static void settle(String verifier, String name, Execution.Outcome.Ended ended) {
        String reason = first(ended.output());
        if (ended.status().signal() != 0) {
            throw Fault.precondition(
                    verifier, "signal " + ended.status().signal() + " ended it before it could answer", "Correct it");
        }
        if (ended.status().code() != 0) {
            throw Fault.of(
                    Fault.Code.PERMISSION_DENIED,
                    verifier,
                    "it refuses the image: " + (reason.isEmpty() ? silent(ended) : reason),
                    "Use an image that this node's rules allow");
        }
        LOG.debug("{} takes {}: {}", verifier, name, reason);
    }

    /** The reason belongs on standard output. Many programs say on the other one what hinders them. */
    private static String silent(Execution.Outcome.Ended ended) {
        String errors = first(ended.errors());
        String code = "it ends with " + ended.status().code();
        return errors.isEmpty() ? code + " and says nothing" : code + " and says on standard error: " + errors;
    }

    private static String first(String said) {
        return shown(said.strip().lines().findFirst().orElse(""));
    }

    private static void told(String verifier, String errors) {
        errors.lines().limit(100).forEach(line -> LOG.debug("{}: {}", verifier, shown(line)));
    }

    private static String shown(String text) {
        String clean = text.replaceAll("\\p{Cntrl}+", " ").strip();
        return clean.length() > MOST_SHOWN ? clean.substring(0, MOST_SHOWN) + "…" : clean;
    }
}
