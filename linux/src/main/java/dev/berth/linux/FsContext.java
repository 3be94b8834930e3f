package dev.berth.linux;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** A file system being configured, between fsopen(2) and fsmount(2). What the kernel says about an error is told on. */
final class FsContext implements AutoCloseable {
    private static final int MAX_MESSAGE = 4096;

    private final String type;
    private final Fd fd;

    private FsContext(String type, Fd fd) {
        this.type = type;
        this.fd = fd;
    }

    static FsContext open(String type) throws LinuxException {
        return new FsContext(type, MountCalls.fsopen(type));
    }

    void string(String key, String value) throws LinuxException {
        try {
            MountCalls.fsconfig(fd, MountCalls.SET_STRING, key, value, 0);
        } catch (LinuxException e) {
            throw explained(e, key + "=" + value);
        }
    }

    void flag(String key) throws LinuxException {
        try {
            MountCalls.fsconfig(fd, MountCalls.SET_FLAG, key, null, 0);
        } catch (LinuxException e) {
            throw explained(e, key);
        }
    }

    /** An option as mount(8) takes it, {@code name} or {@code name=value}. */
    void option(String option) throws LinuxException {
        int equals = option.indexOf('=');
        if (equals < 0) {
            flag(option);
        } else {
            string(option.substring(0, equals), option.substring(equals + 1));
        }
    }

    /** Makes the file system and a detached mount of it. */
    DetachedMount mount(long attributes) throws LinuxException {
        try {
            MountCalls.fsconfig(fd, MountCalls.CREATE, null, null, 0);
            return new DetachedMount(MountCalls.fsmount(fd, attributes));
        } catch (LinuxException e) {
            throw explained(e, "");
        }
    }

    private LinuxException explained(LinuxException e, String option) {
        String what = "mount " + type + (option.isEmpty() ? "" : " with " + option);
        String said = messages();
        return new LinuxException(said.isEmpty() ? what : what + " (" + said + ")", e.errno());
    }

    /** The kernel keeps a few lines of text with each context, one for each read. */
    private String messages() {
        var text = new StringBuilder();
        try {
            ByteBuffer line = ByteBuffer.allocate(MAX_MESSAGE);
            while (fd.read(line) > 0) {
                String said = new String(line.array(), 0, line.position(), StandardCharsets.UTF_8).strip();
                text.append(text.isEmpty() ? "" : "; ").append(said);
                line.clear();
            }
        } catch (LinuxException e) {
            return text.toString(); // ENODATA: no more lines
        }
        return text.toString();
    }

    @Override
    public void close() {
        fd.close();
    }
}
