package dev.berth.linux;

import java.io.IOException;

/** A system call that failed, with its errno. */
public final class LinuxException extends IOException {
    private static final long serialVersionUID = 1L;

    private final int errno;

    public LinuxException(String what, int errno) {
        super(what + ": " + Errno.text(errno));
        this.errno = errno;
    }

    /** The error number, one of the constants in {@link Errno} or another of the kernel's. */
    public int errno() {
        return errno;
    }

    public boolean is(int errno) {
        return this.errno == errno;
    }
}
