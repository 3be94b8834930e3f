package dev.berth.cri.spec;

import dev.berth.linux.Dir;
import org.jspecify.annotations.Nullable;

/** The files of an image's root as far as finding out a user needs them. */
public interface ImageFiles {
    /**
     * A file's content, with every link on the way resolved inside the image's root.
     *
     * @param path absolute
     * @param most size in bytes above which it is refused
     * @return null if there is no such file
     * @throws dev.berth.kernel.Fault INVALID_ARGUMENT if it is no regular file or too large
     */
    byte @Nullable [] read(String path, int most);

    /** The files below a directory handle, which stays the caller's. */
    static ImageFiles in(Dir root) {
        return new RootFiles(root);
    }
}
