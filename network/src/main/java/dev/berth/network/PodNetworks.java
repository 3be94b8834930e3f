package dev.berth.network;

import dev.berth.kernel.Fault;
import dev.berth.linux.netlink.IpPrefix;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * What connects pods. A pod is attached once its network namespace is pinned and before anything runs in it, and detached
 * when nothing runs in it any more and before the namespace is removed.
 *
 * <p>All methods may be called at once for different pods; for one pod, one after the other.
 */
public interface PodNetworks extends AutoCloseable {
    /**
     * Connects a pod. Attaching a pod again that was left half attached, or attached by a daemon that died before it could
     * say so, begins anew. On failure nothing stays behind, or {@link #detach} has to be called until it succeeds.
     *
     * @throws dev.berth.kernel.Fault UNAVAILABLE if the network is not ready, FAILED_PRECONDITION if a host port is taken,
     *     RESOURCE_EXHAUSTED if no address is left, INVALID_ARGUMENT for what can never work, DEADLINE_EXCEEDED if a plugin
     *     does not end, INTERNAL if one fails
     */
    Attachment attach(PodNetworkRequest request) throws InterruptedException;

    /**
     * Disconnects a pod and gives back its addresses and ports. Harmless if it was never attached, is detached already, or
     * its namespace is gone. What was remembered at {@link #attach} counts more than the request.
     *
     * @throws dev.berth.kernel.Fault if something is left; call it again later
     */
    void detach(PodNetworkRequest request) throws InterruptedException;

    /**
     * Finds out whether the pod is still connected as it was.
     *
     * @throws dev.berth.kernel.Fault NOT_FOUND if it is not attached, FAILED_PRECONDITION if something is not as it should be
     */
    void check(PodNetworkRequest request) throws InterruptedException;

    /** What {@link #attach} answered, also after a restart; empty if the pod is not attached. */
    Optional<Attachment> find(String podId);

    /** The pods that are attached, or may be, also after a restart. */
    Set<String> attached();

    /**
     * Has plugins free what they hold for pods that are not among these, if they can. Only while nobody attaches a pod; what
     * fails is in the log.
     */
    void collectGarbage(Set<String> podIds) throws InterruptedException;

    /**
     * Disconnects every pod that is not among these. Only while nobody attaches a pod.
     *
     * @return the pods that could not be disconnected, each with the reason; try again later
     */
    default Map<String, Fault> retainOnly(Set<String> podIds) throws InterruptedException {
        Map<String, Fault> left = new TreeMap<>();
        for (String id : attached()) {
            if (!podIds.contains(id)) {
                try {
                    detach(PodNetworkRequest.plain(id, "", "", "", ""));
                } catch (Fault e) {
                    left.put(id, e);
                }
            }
        }
        Set<String> valid = new HashSet<>(podIds);
        valid.addAll(left.keySet());
        collectGarbage(valid);
        return left;
    }

    /** Whether pods can be connected now; cheap enough to be asked every few seconds. */
    NetworkState state() throws InterruptedException;

    /**
     * Takes the address ranges that the cluster gave to this node, for pods attached from now on. Survives a restart.
     *
     * @param ranges one for each address family; empty changes nothing
     */
    void updatePodCidr(List<IpPrefix> ranges) throws InterruptedException;

    /** Ends what runs in this process; pods stay connected. */
    @Override
    void close();
}
