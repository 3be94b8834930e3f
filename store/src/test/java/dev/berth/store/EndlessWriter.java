package dev.berth.store;

import static dev.berth.store.StoreRoot.K8S;
import static dev.berth.store.StoreRoot.bytes;
import static dev.berth.store.StoreRoot.descriptor;
import static dev.berth.store.StoreRoot.digest;

import dev.berth.kernel.Fault;
import dev.berth.kernel.NioDisk;
import dev.berth.kernel.PassingDisk;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A process that writes to a store and says what is done, a line each, until somebody ends it: {@code PROCESS 7} or {@code POWER
 * 9}, or the code and message of the fault that it met.
 */
final class EndlessWriter {
    /** Every such transaction survives a power loss, and those before it. */
    static final int POWER_EVERY = 3;

    private EndlessWriter() {}

    /** The child's command line. */
    static ProcessBuilder command(Path root, int first) {
        return java(EndlessWriter.class, root.toString(), Integer.toString(first));
    }

    /** A command line that runs a class of the tests. */
    static ProcessBuilder java(Class<?> main, String... arguments) {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-Xmx64m",
                "-cp",
                System.getProperty("java.class.path"),
                main.getName()));
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
    }

    public static void main(String[] arguments) {
        try (Store store = StoreRoot.open(Path.of(arguments[0]), new SyncingDisk())) {
            for (int i = Integer.parseInt(arguments[1]); ; i++) {
                System.out.println(write(store, i) + " " + i);
            }
        } catch (Fault e) {
            System.out.println(e.code() + " " + e.getMessage());
        }
    }

    /** A blob and a container each time; with POWER also everything that names blobs. */
    private static Durability write(Store store, int number) {
        String text = "blob " + number;
        store.blobs().put(bytes(text));
        Durability durability = number % POWER_EVERY == 0 ? Durability.POWER : Durability.PROCESS;
        if (durability == Durability.POWER) {
            store.blobs().flush();
        }
        store.metadata().apply(durability, r -> {
            r.containers()
                    .create(ContainerRecord.of(K8S, "c" + number)
                            .spec(Payload.of(new byte[20_000]))
                            .build());
            if (durability == Durability.POWER) {
                r.contents().put(K8S, digest(text), text.length(), Map.of());
                r.images().create(ImageRecord.of(K8S, "image " + number, descriptor(text), Map.of()));
            }
        });
        return durability;
    }

    /** Syncs file systems for good. */
    private static final class SyncingDisk extends PassingDisk {
        SyncingDisk() {
            super(new NioDisk());
        }

        @Override
        public void syncFilesystem(Path anywhereOnIt) throws IOException {
            try {
                int code = new ProcessBuilder("sync", "-f", anywhereOnIt.toString())
                        .inheritIO()
                        .start()
                        .waitFor();
                if (code != 0) {
                    throw new IOException("sync -f " + anywhereOnIt + " ended with " + code);
                }
            } catch (InterruptedException e) {
                throw new IOException(e);
            }
        }
    }
}
