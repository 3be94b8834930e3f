package dev.berth.snapshots;

import dev.berth.kernel.Fault;
import dev.berth.linux.Errno;
import dev.berth.linux.LinuxException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** The ways in which the unpacking of a layer ends badly. Which layer of which image it is, is for the caller to add. */
final class LayerFault {
    private static final String WHAT = "unpack";
    private static final String REBUILD = "The image is broken or hostile: have it built again";

    private LayerFault() {}

    /** The bytes are no archive. */
    static Fault malformed(String why) {
        return Fault.invalid(WHAT, why, REBUILD);
    }

    /** An entry that must not be. */
    static Fault refused(byte[] name, String why) {
        return Fault.invalid(WHAT, "its entry \"" + shown(name) + "\" " + why, REBUILD);
    }

    /** More of something than anybody needs. */
    static Fault tooMuch(String why) {
        return Fault.exhausted(WHAT, why, REBUILD);
    }

    /** The thread was interrupted. */
    static Fault cancelled() {
        return Fault.of(Fault.Code.CANCELLED, WHAT, "it was cancelled", "");
    }

    /** The system did not do what an entry asks for. */
    static Fault of(byte[] name, LinuxException e) {
        String why = "its entry \"" + shown(name) + "\" cannot be made: " + e.getMessage();
        return switch (e.errno()) {
            case Errno.ENOSPC, Errno.EDQUOT ->
                Fault.exhausted(WHAT, SnapshotFault.FULL, SnapshotFault.MAKE_ROOM)
                        .causedBy(e);
            // ENOENT: an entry took the place of what it refers to; nobody else removes anything in a draft.
            case Errno.ENOENT,
                    Errno.ENAMETOOLONG,
                    Errno.EFBIG,
                    Errno.ELOOP,
                    Errno.ENOTDIR,
                    Errno.EINVAL,
                    Errno.EOVERFLOW -> Fault.invalid(WHAT, why, REBUILD).causedBy(e);
            default -> Fault.internal(WHAT, why, "See the system's log").causedBy(e);
        };
    }

    /** An attribute found no place. The system says of both that there is no space: of a full disk, and of a file that has enough. */
    static Fault ofAttribute(TarEntry.Xattr xattr, LinuxException e) {
        String which = "its attribute \"" + shown(xattr.name()) + "\" of " + xattr.value().length + " bytes";
        return e.is(Errno.ENOSPC) || e.is(Errno.EDQUOT)
                ? Fault.exhausted(
                                WHAT,
                                which + " has no place: " + SnapshotFault.FULL
                                        + ", or the file system takes less for one file (ext4: 4 KiB)",
                                SnapshotFault.MAKE_ROOM + ", or use one that takes more for a file, such as XFS")
                        .causedBy(e)
                : Fault.invalid(WHAT, which + " is longer than Linux takes", REBUILD)
                        .causedBy(e);
    }

    static Fault of(byte[] name, IOException e) {
        return e instanceof LinuxException linux
                ? of(name, linux)
                : Fault.internal(WHAT, "its entry \"" + shown(name) + "\" cannot be made: " + e.getMessage(), "")
                        .causedBy(e);
    }

    /** The stream that brings the layer broke. */
    static Fault unreadable(IOException e) {
        return Fault.unavailable(WHAT, "its bytes stopped coming: " + e.getMessage(), "Try again")
                .causedBy(e);
    }

    static String shown(byte[] name) {
        String text = new String(name, 0, Math.min(name.length, 300), StandardCharsets.UTF_8);
        return text.chars()
                        .collect(
                                StringBuilder::new,
                                (shown, c) -> shown.append(Character.isISOControl(c) ? '?' : (char) c),
                                StringBuilder::append)
                + (name.length > 300 ? "…" : "");
    }
}
