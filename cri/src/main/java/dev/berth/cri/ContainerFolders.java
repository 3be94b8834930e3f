package dev.berth.cri;

import dev.berth.kernel.Fault;
import dev.berth.linux.Dir;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.Stream;

/** A directory with a folder for each container that needs one, by its id. */
record ContainerFolders(Path directory) {
    /** For nobody but root. */
    static final FileAttribute<?> OURS_ALONE =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

    /** Where the folder of a container is, or would be. */
    Path of(String id) {
        return directory.resolve(id);
    }

    /** Makes a folder, empty and root's alone. */
    Path make(String id) throws IOException {
        remove(id);
        Files.createDirectories(directory, OURS_ALONE);
        return Files.createDirectory(of(id), OURS_ALONE);
    }

    /** Removes a folder, whatever is in it. May be repeated. */
    void remove(String id) {
        if (!Files.isDirectory(of(id))) {
            return;
        }
        try (Dir parent = Dir.open(directory)) {
            parent.removeTree(id.getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw Fault.internal("remove " + of(id), String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    /** Removes the folders of all but these. */
    void keep(Set<String> ids) throws IOException {
        for (String id : all()) {
            if (!ids.contains(id)) {
                remove(id);
            }
        }
    }

    /** Whose folders are there. */
    Set<String> all() throws IOException {
        Set<String> ids = new HashSet<>();
        if (Files.isDirectory(directory)) {
            try (Stream<Path> folders = Files.list(directory)) {
                folders.forEach(folder -> ids.add(folder.getFileName().toString()));
            }
        }
        return ids;
    }
}
