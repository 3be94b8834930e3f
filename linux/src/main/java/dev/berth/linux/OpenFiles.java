package dev.berth.linux;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;

/**
 * What processes hold open.
 *
 * @param descriptors how many, over all of them
 * @param sockets how many of those are sockets
 */
public record OpenFiles(long descriptors, long sockets) {
    private static final String LIMIT = "Max open files";

    /** Of these processes; one that has ended holds nothing. */
    public static OpenFiles of(Iterable<Integer> pids) {
        long descriptors = 0;
        long sockets = 0;
        for (int pid : pids) {
            OpenFiles one = of(pid);
            descriptors += one.descriptors;
            sockets += one.sockets;
        }
        return new OpenFiles(descriptors, sockets);
    }

    private static OpenFiles of(int pid) {
        long descriptors = 0;
        long sockets = 0;
        try (DirectoryStream<Path> open = Files.newDirectoryStream(Path.of("/proc", String.valueOf(pid), "fd"))) {
            for (Path each : open) {
                descriptors++;
                sockets += isSocket(each) ? 1 : 0;
            }
            return new OpenFiles(descriptors, sockets);
        } catch (IOException | DirectoryIteratorException ended) {
            return new OpenFiles(0, 0);
        }
    }

    private static boolean isSocket(Path descriptor) {
        try {
            return Files.readSymbolicLink(descriptor).toString().startsWith("socket:");
        } catch (IOException closed) {
            return false;
        }
    }

    /** How many a process may hold open now (its soft limit); empty if it has ended or has no limit. */
    public static OptionalLong softLimit(int pid) {
        try {
            for (String line : Files.readAllLines(Path.of("/proc", String.valueOf(pid), "limits"))) {
                if (line.startsWith(LIMIT)) {
                    String soft = line.substring(LIMIT.length()).strip().split("\\s+", 2)[0];
                    return soft.equals("unlimited") ? OptionalLong.empty() : OptionalLong.of(Long.parseLong(soft));
                }
            }
        } catch (IOException ended) {
            return OptionalLong.empty();
        }
        return OptionalLong.empty();
    }
}
