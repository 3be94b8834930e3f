package dev.berth.tasks;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.berth.kernel.Fault;
import dev.berth.oci.Adapters;
import dev.berth.wire.shim.bootstrap.BootstrapResult;
import io.avaje.json.JsonException;
import io.avaje.jsonb.Json;
import io.avaje.jsonb.Jsonb;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where a foreign shim listens and what it speaks there.
 *
 * @param program the shim's program, which also cleans up after it
 * @param version of the task service: 2 or 3
 */
record ShimAddress(Path program, Path socket, int version) {
    private static final String FILE = "shim";
    private static final String UNIX = "unix://";

    /** The JSON form of the answer. */
    @Json
    record Answer(
            @Nullable Integer version,
            @Nullable String address,
            @Nullable String protocol) {}

    /**
     * Reads what a shim's start verb printed: a plain address, JSON, or a BootstrapResult message.
     *
     * @throws Fault FAILED_PRECONDITION if it is none of these, or a protocol or version that we do not speak
     */
    static ShimAddress parse(Path program, byte[] printed) {
        String text = new String(printed, StandardCharsets.UTF_8).strip();
        if (text.startsWith("{")) {
            Answer answer = json(program, text);
            return of(
                    program,
                    answer.address() == null ? "" : answer.address(),
                    answer.version() == null ? 0 : answer.version(),
                    answer.protocol() == null ? "" : answer.protocol());
        }
        if (text.startsWith(UNIX) || text.startsWith("/")) {
            return of(program, text, 2, "ttrpc");
        }
        try {
            BootstrapResult result = BootstrapResult.parseFrom(printed);
            return of(program, result.getAddress(), result.getVersion(), result.getProtocol());
        } catch (InvalidProtocolBufferException e) {
            throw refuse(program, "it printed no address but \"" + shorten(text) + "\"");
        }
    }

    private static ShimAddress of(Path program, String address, int version, String protocol) {
        if (!protocol.isEmpty() && !protocol.equals("ttrpc")) {
            throw refuse(program, "it speaks " + shorten(protocol) + ", only ttrpc is known here");
        }
        if (version != 0 && version != 2 && version != 3) {
            throw refuse(program, "its task service has version " + version + ", known are 2 and 3");
        }
        String path = address.startsWith(UNIX) ? address.substring(UNIX.length()) : address;
        if (!path.startsWith("/") || path.indexOf('\0') >= 0) {
            throw refuse(program, "\"" + shorten(address) + "\" is not the path of a socket");
        }
        return new ShimAddress(program, Path.of(path), version == 3 ? 3 : 2);
    }

    private static Answer json(Path program, String text) {
        try {
            return Adapters.of(Jsonb.builder()).type(Answer.class).fromJson(text);
        } catch (JsonException | IllegalStateException | NumberFormatException e) {
            throw refuse(program, "its answer is not JSON: " + shorten(text));
        }
    }

    private static Fault refuse(Path program, String why) {
        return Fault.precondition("start shim " + program, why, "Check that the program is a containerd shim");
    }

    private static String shorten(String text) {
        return text.length() <= 200 ? text : text.substring(0, 200) + "…";
    }

    String taskService() {
        return version == 3 ? TaskClient.TASK_V3 : TaskClient.TASK_V2;
    }

    /** Writes it into the bundle, for the next daemon. */
    void save(Path bundle) throws IOException {
        Path half = bundle.resolve(FILE + ".new");
        Files.write(half, List.of(program.toString(), socket.toString(), Integer.toString(version)));
        Files.move(half, bundle.resolve(FILE), StandardCopyOption.ATOMIC_MOVE);
    }

    /** Reads it from the bundle; null if the task of the bundle has no shim of its own. */
    static @Nullable ShimAddress load(Path bundle) throws IOException {
        Path file = bundle.resolve(FILE);
        if (!Files.exists(file)) {
            return null;
        }
        List<String> lines = Files.readAllLines(file);
        if (lines.size() != 3) {
            throw new IOException(file + " is damaged");
        }
        return new ShimAddress(Path.of(lines.get(0)), Path.of(lines.get(1)), Integer.parseInt(lines.get(2)));
    }
}
