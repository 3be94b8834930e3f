package dev.berth.snapshots;

import static dev.berth.snapshots.TarBytes.b;

import dev.berth.linux.Dir;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** An unpacker that is not ours. */
final class Umoci {
    static final String PROGRAM = "/usr/bin/umoci";

    private Umoci() {}

    /** How umoci sees some layers, stacked. */
    static Map<String, String> tree(Path temp, List<byte[]> layers) throws Exception {
        Path image = Files.createDirectories(temp.resolve("image/blobs/sha256"));
        List<String> diffIds = new ArrayList<>();
        List<String> descriptors = new ArrayList<>();
        for (byte[] layer : layers) {
            String digest = blob(image, layer);
            diffIds.add("\"" + digest + "\"");
            descriptors.add(descriptor("application/vnd.oci.image.layer.v1.tar", digest, layer.length));
        }
        byte[] config = b("{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{},\"rootfs\":{\"type\":\"layers\","
                + "\"diff_ids\":" + diffIds + "}}");
        byte[] manifest = b("{\"schemaVersion\":2,\"config\":"
                + descriptor("application/vnd.oci.image.config.v1+json", blob(image, config), config.length)
                + ",\"layers\":" + descriptors + "}");
        String tagged =
                descriptor("application/vnd.oci.image.manifest.v1+json", blob(image, manifest), manifest.length);
        String index = tagged.substring(0, tagged.length() - 1)
                + ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"t\"}}";
        Files.writeString(temp.resolve("image/index.json"), "{\"schemaVersion\":2,\"manifests\":[" + index + "]}");
        Files.writeString(temp.resolve("image/oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}");
        Path bundle = temp.resolve("bundle");
        Program.run(PROGRAM, "unpack", "--image", temp.resolve("image") + ":t", bundle.toString());
        try (Dir root = Dir.open(bundle.resolve("rootfs"))) {
            return Tree.of(root);
        }
    }

    private static String descriptor(String type, String digest, long size) {
        return List.of("\"mediaType\":\"" + type + "\"", "\"digest\":\"" + digest + "\"", "\"size\":" + size).stream()
                .collect(Collectors.joining(",", "{", "}"));
    }

    private static String blob(Path directory, byte[] bytes) throws IOException {
        try {
            String hex = HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
            Files.write(directory.resolve(hex), bytes);
            return "sha256:" + hex;
        } catch (java.security.NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }
}
