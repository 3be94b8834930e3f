package dev.berth.tasks;

import dev.berth.kernel.Fault;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Where things are and who runs what.
 *
 * @param state volatile directory, the same for daemon and supervisor
 * @param root durable directory
 * @param supervisor the command that starts the supervisor, absolute path first; {@code --state} and {@code --root} are added
 * @param version of the supervisor that the command starts; one that runs with another is replaced. Empty: any will do
 * @param supervisorCgroup cgroup into which the supervisor is moved, so that what ends the daemon's does not end it; empty to
 *     leave it where it is born
 * @param daemonAddress the daemon's own socket, which foreign shims are told
 * @param handlers by name, as they are when one is asked for; the name "" is the default
 */
public record TasksConfig(
        Path state,
        Path root,
        List<String> supervisor,
        String version,
        String supervisorCgroup,
        Path daemonAddress,
        Supplier<Map<String, Handler>> handlers) {

    public TasksConfig(
            Path state,
            Path root,
            List<String> supervisor,
            Path daemonAddress,
            Supplier<Map<String, Handler>> handlers) {
        this(state, root, supervisor, "", "", daemonAddress, handlers);
    }

    /** With handlers that stay what they are. */
    public TasksConfig(
            Path state, Path root, List<String> supervisor, Path daemonAddress, Map<String, Handler> handlers) {
        this(state, root, supervisor, daemonAddress, () -> handlers);
    }

    public TasksConfig {
        supervisor = List.copyOf(supervisor);
    }

    /** The same with another version of the supervisor. */
    public TasksConfig withVersion(String other) {
        return new TasksConfig(state, root, supervisor, other, supervisorCgroup, daemonAddress, handlers);
    }

    /** The same with a cgroup for the supervisor. */
    public TasksConfig withSupervisorCgroup(String cgroup) {
        return new TasksConfig(state, root, supervisor, version, cgroup, daemonAddress, handlers);
    }

    Path supervisorSocket() {
        return state.resolve("supervisor.sock");
    }

    /** Where foreign shims tell their events. */
    Path eventsSocket() {
        return state.resolve("events.sock");
    }

    Handler handler(String name) {
        Map<String, Handler> known = handlers.get();
        Handler handler = known.get(name);
        if (handler == null) {
            throw Fault.invalid(
                    "runtime handler \"" + name + "\"",
                    "there is none of that name",
                    "Known handlers: " + known.keySet().stream().sorted().toList());
        }
        return handler;
    }
}
