package dev.berth.shim;

import dev.berth.kernel.Fault;
import dev.berth.oci.Adapters;
import dev.berth.shim.TaskEvents.Happening;
import dev.berth.shim.journal.Journal;
import dev.berth.shim.journal.Journal.Change;
import io.avaje.jsonb.JsonType;
import io.avaje.jsonb.Jsonb;
import java.io.IOException;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The supervisor's memory: tasks, processes and the events that nobody has acknowledged yet, each change of a task in one
 * write with the event that tells of it. Thread-safe.
 */
final class Ledger implements AutoCloseable {
    private static final String TASKS = "task/";
    private static final String PROCESSES = "process/";
    private static final String PUMPS = "pump/";
    private static final String PODS = "pod/";
    private static final String EVENTS = "event/";
    private static final String SEQUENCE = "sequence";

    private final Journal journal;
    private final InstantSource clock;
    private final JsonType<TaskRecord> tasks;
    private final JsonType<ProcessRecord> processes;
    private final JsonType<PumpRecord> pumps;
    private final JsonType<PodRecord> pods;
    private final JsonType<EventRecord> events;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition happened = lock.newCondition();
    private final NavigableMap<Long, EventRecord> waiting = new TreeMap<>();
    private long lastSequence;
    private boolean closed;

    private Ledger(Journal journal, InstantSource clock, Jsonb json) {
        this.journal = journal;
        this.clock = clock;
        tasks = json.type(TaskRecord.class);
        processes = json.type(ProcessRecord.class);
        pumps = json.type(PumpRecord.class);
        pods = json.type(PodRecord.class);
        events = json.type(EventRecord.class);
    }

    /** Reads what the last supervisor left. The journal becomes this object's. */
    static Ledger open(Journal journal, InstantSource clock) {
        Ledger ledger = new Ledger(journal, clock, Adapters.of(Jsonb.builder()));
        journal.all(EVENTS).values().stream()
                .map(ledger.events::fromJson)
                .forEach(event -> ledger.waiting.put(event.sequence(), event));
        ledger.lastSequence = journal.get(SEQUENCE).map(Long::parseLong).orElse(0L);
        return ledger;
    }

    List<TaskRecord> tasks() {
        return journal.all(TASKS).values().stream().map(tasks::fromJson).toList();
    }

    List<ProcessRecord> processes() {
        return journal.all(PROCESSES).values().stream().map(processes::fromJson).toList();
    }

    List<PumpRecord> pumps() {
        return journal.all(PUMPS).values().stream().map(pumps::fromJson).toList();
    }

    List<PodRecord> pods() {
        return journal.all(PODS).values().stream().map(pods::fromJson).toList();
    }

    void save(PumpRecord pump) {
        commit(List.of(Change.put(PUMPS + pump.name(), pumps.toJson(pump))), List.of());
    }

    /** Forgets a pump; harmless if there is none of that name. */
    void removePump(String name) {
        if (journal.get(PUMPS + name).isPresent()) {
            commit(List.of(Change.remove(PUMPS + name)), List.of());
        }
    }

    void save(PodRecord pod) {
        commit(List.of(Change.put(PODS + pod.key(), pods.toJson(pod))), List.of());
    }

    void removePod(TaskKey pod) {
        commit(List.of(Change.remove(PODS + pod)), List.of());
    }

    /** Writes down a task that is about to be made. */
    void add(TaskRecord task, ProcessRecord init) {
        commit(List.of(Change.put(name(task.key()), tasks.toJson(task)), change(init)), List.of());
    }

    /** Writes down how a process is now, and what happened to it. */
    void save(ProcessRecord process, Happening... happenings) {
        save(process, () -> {}, happenings);
    }

    /**
     * Writes down how a process is now, and what happened to it.
     *
     * @param visible lets others see how it is now, before they hear what happened: who hears of an end and asks is told of the end
     */
    void save(ProcessRecord process, Runnable visible, Happening... happenings) {
        commit(List.of(change(process)), visible, List.of(happenings));
    }

    /** Forgets an exec. */
    void remove(ProcessRecord exec, Happening... happenings) {
        commit(List.of(Change.remove(name(exec))), List.of(happenings));
    }

    /** Forgets a task and all its processes. */
    void remove(TaskKey task, Happening... happenings) {
        List<Change> changes = new ArrayList<>();
        changes.add(Change.remove(name(task)));
        journal.all(PUMPS + task + "/").keySet().forEach(name -> changes.add(Change.remove(name)));
        journal.all(PROCESSES + task + "/").keySet().forEach(name -> changes.add(Change.remove(name)));
        commit(changes, List.of(happenings));
    }

    /** Writes down that something happened which changes no record. */
    void tell(Happening happening) {
        commit(List.of(), List.of(happening));
    }

    /** Writes down that something happened which changes no record, unless the same is waiting to be taken already. */
    void tellOnce(Happening happening) {
        String payload = Base64.getEncoder().encodeToString(happening.event().toByteArray());
        lock.lock();
        try {
            boolean told = waiting.values().stream()
                    .anyMatch(event -> event.topic().equals(happening.topic())
                            && event.namespace().equals(happening.task().namespace())
                            && event.payload().equals(payload));
            if (!told) {
                commit(List.of(), List.of(happening));
            }
        } finally {
            lock.unlock();
        }
    }

    private void commit(List<Change> states, List<Happening> all) {
        commit(states, () -> {}, all);
    }

    private void commit(List<Change> states, Runnable visible, List<Happening> all) {
        List<Change> changes = new ArrayList<>(states);
        List<Happening> happenings =
                all.stream().filter(each -> !each.task().isInternal()).toList();
        lock.lock();
        try {
            List<EventRecord> told = new ArrayList<>(happenings.size());
            for (Happening happening : happenings) {
                told.add(event(lastSequence + told.size() + 1, happening));
            }
            if (changes.isEmpty() && told.isEmpty()) {
                return;
            }
            if (closed) {
                throw Fault.unavailable("write the journal", "the supervisor ends", "Ask the next one");
            }
            told.forEach(event -> changes.add(Change.put(name(event.sequence()), events.toJson(event))));
            if (!told.isEmpty()) {
                changes.add(Change.put(SEQUENCE, Long.toString(lastSequence + told.size())));
            }
            journal.write(changes);
            visible.run();
            lastSequence += told.size();
            told.forEach(event -> waiting.put(event.sequence(), event));
            happened.signalAll();
        } catch (IOException e) {
            throw Fault.exhausted(
                            "write the journal", String.valueOf(e.getMessage()), "Free space on the state directory")
                    .causedBy(e);
        } finally {
            lock.unlock();
        }
    }

    private EventRecord event(long sequence, Happening happening) {
        return new EventRecord(
                sequence,
                clock.instant(),
                happening.task().namespace(),
                happening.topic(),
                happening.event().getDescriptorForType().getFullName(),
                Base64.getEncoder().encodeToString(happening.event().toByteArray()),
                happening.exitUnknown());
    }

    /**
     * Waits for events after a number.
     *
     * @return at least one, in order; none if the ledger was closed
     */
    List<EventRecord> awaitEvents(long after) throws InterruptedException {
        lock.lockInterruptibly();
        try {
            while (!closed) {
                List<EventRecord> found =
                        List.copyOf(waiting.tailMap(after, false).values());
                if (!found.isEmpty()) {
                    return found;
                }
                happened.await(1, TimeUnit.HOURS);
            }
            return List.of();
        } finally {
            lock.unlock();
        }
    }

    /** Forgets all events up to and including a number. */
    void acknowledge(long sequence) {
        lock.lock();
        try {
            NavigableMap<Long, EventRecord> taken = waiting.headMap(sequence, true);
            if (taken.isEmpty()) {
                return;
            }
            journal.write(taken.keySet().stream()
                    .map(number -> Change.remove(name(number)))
                    .toList());
            taken.clear();
        } catch (IOException e) {
            throw Fault.exhausted(
                            "write the journal", String.valueOf(e.getMessage()), "Free space on the state directory")
                    .causedBy(e);
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void close() throws IOException {
        lock.lock();
        try {
            closed = true;
            happened.signalAll();
            journal.close();
        } finally {
            lock.unlock();
        }
    }

    private Change change(ProcessRecord process) {
        return Change.put(name(process), processes.toJson(process));
    }

    private static String name(TaskKey task) {
        return TASKS + task;
    }

    private static String name(ProcessRecord process) {
        return PROCESSES + process.namespace() + "/" + process.id() + "/" + process.execId();
    }

    private static String name(long sequence) {
        return EVENTS + String.format("%019d", sequence);
    }
}
