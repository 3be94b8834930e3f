package dev.berth.cri;

import dev.berth.cri.streaming.Session;
import dev.berth.cri.streaming.Session.Wanted;
import dev.berth.kernel.Fault;
import java.util.List;

/** What clients can be connected with: commands in containers, containers themselves, ports of pods. */
public final class Streams {
    private static final int HIGHEST_PORT = 65535;

    private final CriContext context;
    private final ContainerMaking making;

    Streams(CriContext context, ContainerMaking making) {
        this.context = context;
        this.making = making;
    }

    /**
     * A command in a container; it begins when the client comes.
     *
     * @throws Fault INVALID_ARGUMENT for no command or streams that do not go together; NOT_FOUND; FAILED_PRECONDITION if
     *     the container does not run
     */
    public Session exec(String containerId, List<String> command, Wanted wanted) throws InterruptedException {
        String what = "exec in container " + containerId;
        check(what, containerId, wanted);
        if (command.isEmpty()) {
            throw Fault.invalid(what, "there is no command", "Give one");
        }
        Container container = running(what, containerId);
        return new Session.Command(
                "exec",
                wanted,
                new ExecCommand(
                        context.tasks(),
                        ContainerRunning.task(container),
                        making.process(container, command, wanted.terminal()),
                        wanted.stdin()));
    }

    /**
     * The streams of a container's first process, from the moment at which the client comes.
     *
     * @throws Fault as {@link #exec}
     */
    public Session attach(String containerId, Wanted wanted) throws InterruptedException {
        String what = "attach to container " + containerId;
        check(what, containerId, wanted);
        Container container = running(what, containerId);
        return new Session.Command("attach", wanted, new AttachCommand(context.tasks(), container));
    }

    /**
     * Ports on a pod's loopback.
     *
     * @param ports what the caller knows of them already; may be empty
     * @throws Fault INVALID_ARGUMENT for a number that is no port; NOT_FOUND; FAILED_PRECONDITION if the pod is not ready
     */
    public Session portForward(String podId, List<Integer> ports) throws InterruptedException {
        String what = "forward ports of pod " + podId;
        if (podId.isEmpty()) {
            throw Fault.invalid(what, "no pod is named", "Give pod_sandbox_id");
        }
        for (int port : ports) {
            if (port < 1 || port > HIGHEST_PORT) {
                throw Fault.invalid(what, port + " is no port", "Use 1 to " + HIGHEST_PORT);
            }
        }
        context.gate().pass();
        Pod pod = context.ledger().pod(podId);
        if (!pod.ready()) {
            throw Fault.precondition(what, "it is not ready", "Run a new pod");
        }
        return new Session.Forwarding(List.copyOf(ports), new PodPorts(pod.id(), pod.netns()));
    }

    private static void check(String what, String containerId, Wanted wanted) {
        if (containerId.isEmpty()) {
            throw Fault.invalid(what, "no container is named", "Give container_id");
        }
        if (wanted.terminal() && wanted.stderr()) {
            throw Fault.invalid(
                    what, "tty and stderr cannot both be had", "A terminal has one output: ask for stdout only");
        }
        if (!wanted.stdin() && !wanted.stdout() && !wanted.stderr()) {
            throw Fault.invalid(what, "no stream is wanted", "Ask for at least one of stdin, stdout, stderr");
        }
    }

    private Container running(String what, String containerId) throws InterruptedException {
        context.gate().pass();
        Container container = context.ledger().container(containerId);
        ContainerRunning.requireRunning(what, container);
        return container;
    }
}
