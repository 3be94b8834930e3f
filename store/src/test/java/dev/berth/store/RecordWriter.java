package dev.berth.store;

import static dev.berth.store.StoreRoot.K8S;

import dev.berth.kernel.Fault;
import java.io.IOException;
import java.nio.file.Path;

/** A process that opens a store, says so, waits for a line, and then makes records until and after its disk is full. */
final class RecordWriter {
    private static final int ROUNDS = 400;

    private RecordWriter() {}

    static ProcessBuilder command(Path root) {
        return EndlessWriter.java(RecordWriter.class, root.toString());
    }

    public static void main(String[] arguments) throws IOException {
        try (Store store = StoreRoot.open(Path.of(arguments[0]))) {
            System.out.println("open");
            int _ = System.in.read();
            for (int i = 0; i < ROUNDS; i++) {
                write(store, "c" + i);
                store.metadata().read(r -> r.containers().list(K8S).size());
            }
            System.out.println("done");
        }
    }

    private static void write(Store store, String id) {
        try {
            store.metadata()
                    .write(
                            Durability.PROCESS,
                            r -> r.containers()
                                    .create(ContainerRecord.of(K8S, id)
                                            .spec(Payload.of(new byte[10_000]))
                                            .build()));
        } catch (Fault full) {
            if (full.code() != Fault.Code.RESOURCE_EXHAUSTED) {
                throw full;
            }
        }
    }
}
