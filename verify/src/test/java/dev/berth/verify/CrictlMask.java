package dev.berth.verify;

import java.util.regex.Pattern;

/** What two daemons cannot tell crictl alike; each is masked where a test names it. */
enum CrictlMask {
    /** Where the daemons keep their things, and the folders that a test makes for each. */
    FOLDER("/(var/lib|run)/(btv|btcrictl)[0-9a-f]+[^\\s\",:]*"),
    /** The id of a pod or container, whole or as the tables cut it. Not that of an image, which is the same on both. */
    ID("(?<!sha256:)\\b([0-9a-f]{64}|[0-9a-f]{13})\\b"),
    /** A point in time: RFC 3339, as Go writes it, or nanoseconds since 1970. */
    TIME(
            "\\d{4}-\\d\\d-\\d\\d[ T]\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?( ?[+-]\\d\\d:?\\d\\d( UTC)?| UTC|Z)?|\\b1[78]\\d{17}\\b"),
    /** How long ago something was. */
    AGE("(\\d+|[Aa]bout an?|Less than a) (second|minute|hour)s?( ago)?"),
    /** An address of the network that both use. */
    ADDRESS("10\\.87\\.\\d+\\.\\d+"),
    /** Whether a pod that is being stopped still has its address depends on the moment. */
    ADDRESS_IF_ANY("(?<=\"ip\": )\"[^\"]*\""),
    /** containerd forgets when a pod was made once it is removed. */
    NO_TIME("(?<=\"createdAt\": \")(-\\d+|<TIME>)(?=\")"),
    /** A port of this machine that happened to be free. */
    PORT("(?<=127\\.0\\.0\\.1:|\\[::1]:|connection for )\\d+"),
    /** How long crictl had run when it said something on a terminal. */
    SECONDS("(?<=\\[0m)\\[\\d{4}]"),
    /** The runtime's own name and version. */
    RUNTIME_NAME("(?<=Runtime(Name|Version):  ?)\\S+|(?<=\"runtime(Name|Version)\": \")[^\"]+"),
    /** An amount in a table: bytes, percent, seconds. */
    AMOUNT("\\b\\d+(\\.\\d+)?([kKMG]i?B?|B|%|s)?(?=\\s)"),
    /** Why something was refused is told in each daemon's own words; its kind is the protocol's. */
    REASON("(?s)(?<=desc = ).*?(?=\"\\n|\\n|$)"),
    /** Who reported a failure first: crictl logs what its library met on the way, with the time. */
    LOG_LINE("(?m)^(time=|[EWI]\\d{4} ).*\\n?"),
    /** containerd forgets what the caller said was written in the pod's spec. */
    USER_SPECIFIED_IMAGE("(?<=\"userSpecifiedImage\": )\"[^\"]*\"|(?<=userSpecifiedImage: )[^\\n]+"),
    /** Of a container without a limit for swap containerd tells the limit that it set itself, Berth what was asked for. */
    SWAP_LIMIT_NOT_ASKED_FOR("(?<=\"memorySwapLimitInBytes\": \"|memorySwapLimitInBytes: \")\\d+"),
    /** containerd pins the image of its sandboxes; Berth has no such image. */
    PINNED("(?m)(?<=\"pinned\": |pinned: )(true|false)|^Pinned: .*\n?"),
    /** containerd counts the manifest too, which Berth does not. */
    IMAGE_SIZE("(?<=\"size\": )\"\\d+\"|(?<=size: )\"\\d+\"|(?<=Size: )\\S+"),
    /** Berth says by which reference an image can be asked for again; containerd leaves that out of its lists. */
    IMAGE_SPEC("(?s) *\"spec\": (null|\\{\n.*?\n *\\}),?\n"
            + "| *spec:( null)?\n( +(annotations|image|imageRef|runtimeHandler|userSpecifiedImage): [^\n]*\n)*"),
    /** containerd sends verbose answers with nothing in them to who did not ask for any. */
    EMPTY_INFO("(?s)(?<=\\{\n) *\"info\": \\{.*?\n  \\},\n");

    private final Pattern pattern;

    CrictlMask(String pattern) {
        this.pattern = Pattern.compile(pattern);
    }

    String apply(String text) {
        boolean drop = this == LOG_LINE || this == EMPTY_INFO || this == IMAGE_SPEC || this == PINNED;
        return pattern.matcher(text).replaceAll(drop ? "" : "<" + name() + ">");
    }
}
