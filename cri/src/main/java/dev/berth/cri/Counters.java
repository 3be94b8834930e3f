package dev.berth.cri;

import static java.util.stream.Collectors.counting;
import static java.util.stream.Collectors.groupingBy;
import static java.util.stream.Collectors.toSet;

import dev.berth.cri.spec.CgroupPaths;
import dev.berth.kernel.Fault;
import dev.berth.linux.cgroup.Cgroup;
import dev.berth.linux.cgroup.CgroupStats;
import dev.berth.linux.cgroup.Cgroups;
import dev.berth.tasks.TaskId;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where counters come from: cgroups of this host are read here, which is some files for each and asks nobody. Containers of
 * a foreign shim may run in another kernel, so the shim is asked.
 */
final class Counters {
    private static final Logger LOG = LoggerFactory.getLogger(Counters.class);

    private final CriContext context;
    private final Cgroups cgroups;
    private final boolean systemd;

    Counters(CriContext context, Cgroups cgroups, boolean systemd) {
        this.context = context;
        this.cgroups = cgroups;
        this.systemd = systemd;
    }

    /**
     * What a container uses; of a host's cgroup, {@linkplain Cgroup#usage() that alone}.
     *
     * @throws Fault NOT_FOUND if it has ended
     */
    CgroupStats usage(Container container) {
        TaskId task = ContainerRunning.task(container);
        return context.tasks().isOurs(task)
                ? read(container.id(), cgroup(container)::usage)
                : context.tasks().stats(task);
    }

    /** All that is counted of a container; for who wants more than {@link #usage}. */
    CgroupStats all(Container container) {
        TaskId task = ContainerRunning.task(container);
        return context.tasks().isOurs(task)
                ? read(container.id(), cgroup(container)::stats)
                : context.tasks().stats(task);
    }

    /** The container's cgroup on this host; empty if a foreign shim runs it. */
    Optional<Cgroup> own(Container container) {
        return context.tasks().isOurs(ContainerRunning.task(container))
                ? Optional.of(cgroup(container))
                : Optional.empty();
    }

    /**
     * The cgroup parents that belong to one pod alone, as the kubelet makes them. Where several pods share one, or there is
     * none, a pod can only be what its containers are.
     */
    Set<String> unshared() {
        Map<String, Long> users = context.ledger().pods().stream()
                .filter(Pod::ready)
                .collect(groupingBy(pod -> pod.config().cgroupParent(), counting()));
        return users.entrySet().stream()
                .filter(each -> each.getValue() == 1 && !each.getKey().isEmpty())
                .map(Map.Entry::getKey)
                .collect(toSet());
    }

    /**
     * What a pod's own cgroup counted: containers that have ended are in it, and volumes in memory. Empty if the pod has none.
     *
     * @param unshared as just asked for
     */
    Optional<CgroupStats> usage(Pod pod, Set<String> unshared) {
        String parent = pod.config().cgroupParent();
        if (!unshared.contains(parent)) {
            return Optional.empty();
        }
        try {
            Optional<String> path = CgroupPaths.ofPod(parent, CgroupPaths.isSystemd(parent, systemd));
            return path.isEmpty()
                    ? Optional.empty()
                    : Optional.of(cgroups.cgroup(path.get()).usage());
        } catch (NoSuchFileException e) {
            return Optional.empty(); // its pod is being taken away, or never had a container
        } catch (IOException e) {
            LOG.warn("usage of pod {}", pod.id(), e);
            return Optional.empty();
        }
    }

    private Cgroup cgroup(Container container) {
        String parent = context.ledger()
                .findPod(container.podId())
                .map(pod -> pod.config().cgroupParent())
                .orElse("");
        return cgroups.cgroup(CgroupPaths.of(parent, container.id(), CgroupPaths.isSystemd(parent, systemd)));
    }

    /** A reading of files. */
    private interface Reading {
        CgroupStats read() throws IOException;
    }

    private static CgroupStats read(String id, Reading reading) {
        String what = "read the usage of container " + id;
        try {
            return reading.read();
        } catch (NoSuchFileException e) {
            throw Fault.notFound(what, "it has ended", "Only what runs has usage")
                    .causedBy(e);
        } catch (IOException e) {
            throw Fault.internal(what, String.valueOf(e.getMessage()), "").causedBy(e);
        }
    }
}
