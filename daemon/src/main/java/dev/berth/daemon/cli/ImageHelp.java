package dev.berth.daemon.cli;

import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/** What {@code berth image --help} and {@code berth image WORD --help} print. */
enum ImageHelp {
    PULL("IMAGE", "fetch an image from its registry", """
              --platform OS/ARCH[/VARIANT]  for another platform than this machine's; may be repeated
              --all-platforms               everything that the image has
              --user NAME[:PASSWORD]        log in; a password that is missing is asked for, or read from standard input
              --quiet, -q                   no progress
            """),
    PUSH("IMAGE [NAME]", "send an image to a registry, under its own name or another one", """
              --platform OS/ARCH[/VARIANT]  only that one; may be repeated
              --user NAME[:PASSWORD]        log in; a password that is missing is asked for, or read from standard input
              --quiet, -q                   no progress
            """),
    LS("", "list images", """
              --format table|json
              --quiet, -q                   names only
              --all, -a                     also names that only repeat a digest
            """),
    INSPECT("IMAGE", "all that is known of an image, as JSON", """
              --platform OS/ARCH[/VARIANT]  only that one
            """),
    HISTORY("IMAGE", "how an image was made, newest step first", """
              --format table|json
              --platform OS/ARCH[/VARIANT]  of another platform than this machine's
              --no-trunc                    long commands whole
            """),
    TAG("IMAGE NAME...", "give an image more names", """
              --force, -f                   take a name from the image that has it
            """),
    RM("IMAGE...", "remove images by name, or by the beginning of a digest or id", """
              --async                       do not wait until the room is free (otherwise it waits: --sync)
              --force, -f                   also what a container uses, and what has several names
            """),
    LOAD("", "take images from an archive (OCI or Docker; plain, gzip or zstd)", """
              --input FILE, -i FILE         instead of standard input; a directory may be an OCI layout
              --platform OS/ARCH[/VARIANT]  unpack for another platform than this machine's; may be repeated
              --all-platforms               unpack for all
              --quiet, -q                   no progress
            """),
    SAVE("IMAGE...", "write images into an archive that every OCI and Docker tool reads", """
              --output FILE, -o FILE        instead of standard output; DIR/ becomes an OCI layout
              --compress gzip|zstd          the archive as a whole
              --platform OS/ARCH[/VARIANT]  only that one; may be repeated
              --all-platforms               all that are complete here
              --quiet, -q                   no progress
            """),
    PRUNE("", "remove images without a tag that no container uses; pinned ones stay", """
              --all, -a                     also those with a tag
              --dry-run                     only say what would go
              --force, -f                   do not ask (asks only on a terminal)
            """),
    MOUNT("IMAGE DIR", "show the files of an image in a directory", """
              --rw                          changes are possible; they are gone with the mount
              --platform OS/ARCH[/VARIANT]  of another platform than this machine's
            """),
    UNMOUNT("DIR", "undo mount", ""),
    VERIFY("IMAGE...", "read every byte of images and compare it with its digest; 1 if something is wrong", """
              --platform OS/ARCH[/VARIANT]  that platform must be here; otherwise all of which there is something
            """);

    private static final String COMMON = """
              --address SOCKET              of the daemon; otherwise `socket` of the config (--config FILE)
              --namespace NAME, -n NAME     whose images; otherwise k8s.io, which is Kubernetes'
            """;

    private final String arguments;
    private final String summary;
    private final String options;

    ImageHelp(String arguments, String summary, String options) {
        this.arguments = arguments;
        this.summary = summary;
        this.options = options;
    }

    private String word() {
        return name().toLowerCase(java.util.Locale.ROOT);
    }

    /** The page of all. */
    static String all() {
        return "Images of a running daemon.\n\n"
                + Arrays.stream(values())
                        .map(it ->
                                "  %-34s %s%n".formatted("berth image " + it.word() + " " + it.arguments, it.summary))
                        .collect(Collectors.joining())
                + "\nEach has its own --help. Options of all:\n\n" + COMMON
                + "\nAn IMAGE is a name as in busybox, registry.example/app:1.2 or app@sha256:...,"
                + " or the beginning of a digest or id.\nExit codes: 0 done, 1 failed, 2 not understood.\n";
    }

    /** The page of one. */
    static Optional<String> of(String word) {
        return Arrays.stream(values())
                .filter(it -> it.word().equals(word))
                .findFirst()
                .map(it -> "berth image " + (word + " [options] " + it.arguments).strip() + "\n\n" + it.summary + "\n\n"
                        + it.options + COMMON);
    }
}
