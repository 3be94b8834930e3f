package dev.berth.linux;

/**
 * How a process ended.
 *
 * @param code what it returned, 0 to 255; 0 if a signal ended it
 * @param signal the signal that ended it; 0 if none
 */
public record ExitStatus(int code, int signal) {
    public ExitStatus {
        if (code < 0 || code > 255 || signal < 0 || signal > 127 || (code != 0 && signal != 0)) {
            throw new IllegalArgumentException("not an exit status: code " + code + ", signal " + signal);
        }
    }

    /** Reads the form in which wait(2) and the kernel's pidfd hand it out. */
    static ExitStatus ofWaitStatus(int status) {
        int signal = status & 0x7f;
        return signal == 0 ? new ExitStatus((status >> 8) & 0xff, 0) : new ExitStatus(0, signal);
    }

    /** One number for both, as shells and container runtimes count: the code, or 128 + signal. */
    public int number() {
        return signal == 0 ? code : 128 + signal;
    }

    public boolean isSuccess() {
        return code == 0 && signal == 0;
    }
}
