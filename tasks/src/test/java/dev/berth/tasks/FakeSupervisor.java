package dev.berth.tasks;

import com.google.protobuf.Any;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Timestamp;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.linux.Fd;
import dev.berth.linux.Fifo;
import dev.berth.linux.Poller;
import dev.berth.ttrpc.Service;
import dev.berth.ttrpc.TtrpcServer;
import dev.berth.wire.shim.supervisor.AcknowledgeRequest;
import dev.berth.wire.shim.supervisor.AcknowledgeResponse;
import dev.berth.wire.shim.supervisor.DrainRequest;
import dev.berth.wire.shim.supervisor.DrainResponse;
import dev.berth.wire.shim.supervisor.Event;
import dev.berth.wire.shim.supervisor.EventsRequest;
import dev.berth.wire.shim.supervisor.InfoResponse;
import dev.berth.wire.shim.supervisor.PumpRequest;
import dev.berth.wire.shim.supervisor.PumpResponse;
import dev.berth.wire.shim.supervisor.ReopenLogResponse;
import dev.berth.wire.shim.supervisor.TasksResponse;
import dev.berth.wire.shim.types.Envelope;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;

/** Stands where the supervisor stands: pumps pipes into plain files, keeps a list of events, runs nothing. */
final class FakeSupervisor implements AutoCloseable {
    private record Pump(Fd pipe, Thread thread) {}

    final List<Event> journal = new CopyOnWriteArrayList<>();
    final LinkedBlockingQueue<Long> acknowledged = new LinkedBlockingQueue<>();
    private final Map<String, List<Pump>> pumps = new ConcurrentHashMap<>();
    private final TtrpcServer server;
    private final Object more = new Object();

    FakeSupervisor(Path state, String version, Service... others) throws IOException {
        Files.createDirectories(state);
        var service = Service.named(Supervisor.SERVICE)
                .unary(
                        "Info",
                        (call, request) -> InfoResponse.newBuilder()
                                .setPid((int) ProcessHandle.current().pid())
                                .setVersion(version)
                                .build()
                                .toByteArray())
                .unary("Pump", (call, request) -> pump(PumpRequest.parseFrom(request)))
                .unary("ReopenLog", (call, request) -> bytes(ReopenLogResponse.getDefaultInstance()))
                .unary("Drain", (call, request) -> drain(DrainRequest.parseFrom(request)))
                .unary("Tasks", (call, request) -> bytes(TasksResponse.getDefaultInstance()))
                .unary("Acknowledge", (call, request) -> {
                    acknowledged.add(AcknowledgeRequest.parseFrom(request).getSequence());
                    return bytes(AcknowledgeResponse.getDefaultInstance());
                })
                .serverStreaming("Events", (call, request, out) -> {
                    call.interruptWhenGone();
                    int next = (int) EventsRequest.parseFrom(request).getAfter();
                    while (true) {
                        synchronized (more) {
                            while (journal.size() <= next) {
                                more.wait();
                            }
                        }
                        out.send(journal.get(next++).toByteArray());
                    }
                })
                .build();
        Service[] all = java.util.Arrays.copyOf(others, others.length + 2);
        all[others.length] = service;
        all[others.length + 1] = noTasks();
        server = TtrpcServer.listen(state.resolve("supervisor.sock"), Ticker.system(), all);
    }

    private static Service noTasks() {
        var service = Service.named(TaskClient.TASK_V3);
        for (String method : List.of("State", "Start", "Delete", "Kill", "Exec", "Wait")) {
            service.unary(method, (call, request) -> {
                throw Fault.notFound(method, "no tasks are here", "");
            });
        }
        return service.build();
    }

    void tell(String topic, MessageLite event) {
        tell(topic, event, false);
    }

    void tell(String topic, MessageLite event, boolean exitUnknown) {
        Instant now = Instant.now();
        synchronized (more) {
            journal.add(Event.newBuilder()
                    .setSequence(journal.size() + 1L)
                    .setExitUnknown(exitUnknown)
                    .setEnvelope(Envelope.newBuilder()
                            .setNamespace("k8s.io")
                            .setTopic(topic)
                            .setTimestamp(Timestamp.newBuilder()
                                    .setSeconds(now.getEpochSecond())
                                    .setNanos(now.getNano()))
                            .setEvent(Any.newBuilder().setValue(event.toByteString())))
                    .build());
            more.notifyAll();
        }
    }

    private byte[] pump(PumpRequest request) throws IOException {
        List<Pump> started = new CopyOnWriteArrayList<>();
        if (pumps.putIfAbsent(request.getId(), started) == null) {
            for (String pipe : List.of(request.getStdout(), request.getStderr())) {
                if (!pipe.isEmpty()) {
                    started.add(start(pipe, request.getLogPath()));
                }
            }
        }
        return bytes(PumpResponse.getDefaultInstance());
    }

    private static Pump start(String pipe, String log) throws IOException {
        Fd reader = Fifo.openReader(Path.of(pipe));
        OutputStream out = log.isEmpty()
                ? OutputStream.nullOutputStream()
                : Files.newOutputStream(
                        Path.of(log), java.nio.file.StandardOpenOption.CREATE, java.nio.file.StandardOpenOption.APPEND);
        Thread thread = Thread.ofVirtual().start(() -> {
            byte[] chunk = new byte[4096];
            try (out) {
                while (Poller.awaitReadable(reader, Poller.FOREVER)) {
                    int n = reader.read(chunk);
                    if (n < 0) {
                        return;
                    }
                    out.write(chunk, 0, n);
                    out.flush();
                }
            } catch (IOException | InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        return new Pump(reader, thread);
    }

    private byte[] drain(DrainRequest request) throws Exception {
        List<Pump> here = pumps.remove(request.getId());
        if (here == null) {
            throw Fault.notFound("drain", "no pump " + request.getId(), "");
        }
        boolean drained = true;
        for (Pump pump : here) {
            drained &= pump.thread().join(java.time.Duration.ofMillis(request.getTimeoutMillis() + 1));
            pump.pipe().close();
        }
        return bytes(DrainResponse.newBuilder().setDrained(drained).build());
    }

    private static byte[] bytes(MessageLite message) {
        return message.toByteArray();
    }

    @Override
    public void close() {
        server.close();
        pumps.values().forEach(list -> list.forEach(pump -> pump.pipe().close()));
    }
}
