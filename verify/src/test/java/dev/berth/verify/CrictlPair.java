package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.images.sample.Busybox;
import dev.berth.kernel.Ids;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A Berth and a containerd 2.4.2, both fresh, on the same CNI network, to which the same crictl commands are given. In a command
 * {@code {name}} stands for what {@link #keep} has kept of an earlier one, and {@code {logs}} for the side's folder of logs.
 */
final class CrictlPair implements AutoCloseable {
    private static final List<CrictlMask> ALWAYS = List.of(CrictlMask.FOLDER, CrictlMask.ID, CrictlMask.TIME);

    /** One of the two. */
    static final class Side {
        private final Map<String, String> kept = new HashMap<>();

        private Side(Path socket, Path logs) throws IOException {
            kept.put("logs", logs.toString());
            Path config =
                    Files.writeString(logs.resolve("crictl.yaml"), """
                    runtime-endpoint: unix://%1$s
                    image-endpoint: unix://%1$s
                    timeout: %2$d
                    """.formatted(socket, Berth.LIMIT.toSeconds()));
            kept.put("config", config.toString());
        }

        /** The words of a command, for what does not end by itself. */
        List<String> command(String... arguments) {
            var command = new ArrayList<>(List.of(Peers.need("crictl").toString(), "--config", kept("config")));
            Arrays.stream(arguments).map(this::filled).forEach(command::add);
            return command;
        }

        Berth.Result run(String... arguments) {
            Berth.Result result = Berth.run(command(arguments));
            Leaks.markIds(result.out());
            return result;
        }

        String kept(String name) {
            return kept.getOrDefault(name, name);
        }

        private String filled(String text) {
            String filled = text;
            for (var each : kept.entrySet()) {
                filled = filled.replace("{" + each.getKey() + "}", each.getValue());
            }
            return filled;
        }
    }

    private final Path folder;
    private final Berth berth;
    private final Containerd containerd;
    private final Side ours;
    private final Side theirs;

    private CrictlPair(Path folder, Berth berth, Containerd containerd) throws IOException {
        this.folder = folder;
        this.berth = berth;
        this.containerd = containerd;
        this.ours = new Side(berth.state().resolve("berth.sock"), Files.createDirectories(folder.resolve("ours")));
        this.theirs = new Side(containerd.socket(), Files.createDirectories(folder.resolve("theirs")));
    }

    static CrictlPair start() throws IOException, InterruptedException {
        Peers.need("crictl");
        Peers.need("containerd");
        Path folder = Files.createDirectory(
                Path.of("/var/lib", "btcrictl" + Ids.random().substring(0, 6)));
        try {
            return start(folder, cniConfig(folder));
        } catch (RuntimeException | IOException | InterruptedException | AssertionError e) {
            Berth.run(List.of("rm", "-rf", folder.toString()));
            throw e;
        }
    }

    private static CrictlPair start(Path folder, Path cni) throws IOException, InterruptedException {
        Berth berth = Berth.start(
                "[network]%nconf_dir = \"".formatted() + cni + "\"%nbin_dirs = [\"/usr/lib/cni\"]%n".formatted());
        try {
            berth.registry()
                    .add(
                            "pause",
                            "latest",
                            Busybox.image().cmd("sleep", "1000000").build());
            Containerd containerd = Containerd.start(
                    folder.resolve("containerd"), berth.folder().resolve("certs.d"), berth.image("pause"), cni);
            return new CrictlPair(folder, berth, containerd);
        } catch (RuntimeException | IOException | InterruptedException | AssertionError e) {
            berth.close();
            throw e;
        }
    }

    private static String bridge(Path folder) {
        return "btc" + folder.getFileName().toString().substring("btcrictl".length());
    }

    private static Path cniConfig(Path folder) throws IOException {
        Path directory = Files.createDirectories(folder.resolve("net.d"));
        Files.writeString(directory.resolve("10-pair.conflist"), """
                {"cniVersion": "1.0.0", "name": "pair", "plugins": [
                  {"type": "bridge", "bridge": "%s", "isGateway": true, "ipMasq": false,
                   "ipam": {"type": "host-local", "dataDir": "%s/ipam", "ranges": [[{"subnet": "10.87.252.0/24"}]]}}]}
                """.formatted(bridge(folder), folder));
        return directory;
    }

    Berth berth() {
        return berth;
    }

    Side ours() {
        return ours;
    }

    Side theirs() {
        return theirs;
    }

    Path folder() {
        return folder;
    }

    /** Writes a file for each side, in which {@code {logs}} is filled in; the command calls it {@code {name}}. */
    void file(String name, String json) throws IOException {
        for (Side side : List.of(ours, theirs)) {
            Path file = Path.of(side.kept("logs")).resolve(name + ".json");
            side.kept.put(name, Files.writeString(file, side.filled(json)).toString());
        }
    }

    /** Runs a command that prints one id on both, and keeps it under a name. */
    void keep(String name, String... arguments) {
        for (Side side : List.of(ours, theirs)) {
            side.kept.put(name, side.run(arguments).text());
        }
    }

    /** Runs a command on both and compares all that it prints, and how it ends. What Berth's printed is returned, not masked. */
    Berth.Result same(List<CrictlMask> masks, String... arguments) {
        Berth.Result our = ours.run(arguments);
        Berth.Result their = theirs.run(arguments);
        compare(our, their, masks, arguments);
        return our;
    }

    /** As {@link #same(List, String...)}, masking only what is always masked. */
    Berth.Result same(String... arguments) {
        return same(List.of(), arguments);
    }

    /** Runs a command that answers with JSON on both; see {@link JsonShape#compare}. */
    void shape(List<String> onlyOurs, List<String> onlyTheirs, String... arguments) {
        JsonShape.compare(
                "crictl " + String.join(" ", arguments),
                ours.run(arguments).text(),
                theirs.run(arguments).text(),
                onlyOurs,
                onlyTheirs);
    }

    void compare(Berth.Result our, Berth.Result their, List<CrictlMask> masks, String... arguments) {
        String command = "crictl " + String.join(" ", arguments);
        assertThat(masked(our.out(), masks))
                .as(() -> "output of " + command + "; errors: " + our.err())
                .isEqualTo(masked(their.out(), masks));
        assertThat(masked(our.err(), masks)).as("errors of " + command).isEqualTo(masked(their.err(), masks));
        assertThat(our.exit()).as("exit of " + command).isEqualTo(their.exit());
    }

    /** What is compared of a text. Runs of blanks count as one, since the width of a column depends on what is masked. */
    static String masked(String text, List<CrictlMask> masks) {
        String masked = CrictlMask.LOG_LINE.apply(text);
        for (CrictlMask mask : ALWAYS) {
            masked = mask.apply(masked);
        }
        for (CrictlMask mask : masks) {
            masked = mask.apply(masked);
        }
        return masked.replaceAll("[ \\t]+", " ").replaceAll("(?m) $", "");
    }

    @Override
    public void close() throws IOException {
        try {
            theirs.run("rmp", "-fa");
            containerd.close();
        } finally {
            berth.close();
            Berth.run(List.of("ip", "link", "delete", bridge(folder)));
            Berth.run(List.of("rm", "-rf", folder.toString()));
        }
    }
}
