package dev.berth.tasks;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A pod's part that is not network: namespaces that outlive its containers.
 *
 * @param handler name of the runtime handler
 * @param netns path of its network namespace; null for the host's
 * @param hostname of its own UTS namespace; null to share the host's
 * @param shmBytes size of its /dev/shm, which comes with its own IPC namespace; 0 to share the host's IPC
 * @param sharedPid containers see each other's processes
 * @param sysctls to set inside
 * @param cgroupParent cgroup below which its init runs, if it needs one; empty for none
 * @param users what its own user namespace maps, which owns all its others; null to share the host's. The network namespace
 *     is made too then, and must be pinned at {@code netns}: {@link Pod#NETWORK} tells where it is
 */
public record PodRequest(
        TaskId pod,
        String handler,
        @Nullable String netns,
        @Nullable String hostname,
        long shmBytes,
        boolean sharedPid,
        Map<String, String> sysctls,
        String cgroupParent,
        @Nullable Users users) {

    /** Ranges of users and of groups, at least one of each. */
    public record Users(List<Range> users, List<Range> groups) {
        /** Ids from {@code inside} on in the namespace are those from {@code outside} on of the node. */
        public record Range(long inside, long outside, long length) {}

        public Users {
            users = List.copyOf(users);
            groups = List.copyOf(groups);
        }
    }

    public PodRequest {
        sysctls = Map.copyOf(sysctls);
    }
}
