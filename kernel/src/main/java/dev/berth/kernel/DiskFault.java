package dev.berth.kernel;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;

/** What the file system's errors mean for the caller. */
public final class DiskFault {
    private DiskFault() {}

    /** RESOURCE_EXHAUSTED if the disk is full; else UNAVAILABLE, with the reason. */
    public static Fault of(String what, IOException e) {
        String why = why(e);
        // The JDK tells a full disk from other errors only by the text of strerror.
        Fault fault = why.contains("No space left on device") || why.contains("Disk quota exceeded")
                ? Fault.exhausted(
                        what, "the disk is full", "Make room on the file system of Berth's root and try again")
                : Fault.unavailable(what, why, "Look at the file system of Berth's root");
        return fault.causedBy(e);
    }

    /** The JDK says of some errors only which file has them. */
    private static String why(IOException e) {
        String text = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        return switch (e) {
            case NoSuchFileException _ -> text + " does not exist";
            case FileAlreadyExistsException _ -> text + " is there already and is something else";
            case NotDirectoryException _ -> text + " is no directory";
            case AccessDeniedException _ -> text + " is not permitted";
            default -> text;
        };
    }
}
