package dev.berth.oci;

import java.nio.charset.StandardCharsets;
import java.util.List;

/** The name of a stack of layers: it depends on every layer below, so that equal names mean equal file systems. */
public final class ChainId {
    private ChainId() {}

    /**
     * The chain id of a stack.
     *
     * @param diffIds at least one, lowest first
     * @see <a href="https://github.com/opencontainers/image-spec/blob/main/config.md#layer-chainid">OCI image spec</a>
     */
    public static Digest of(List<Digest> diffIds) {
        Digest chain = diffIds.getFirst();
        for (Digest next : diffIds.subList(1, diffIds.size())) {
            chain = above(chain, next);
        }
        return chain;
    }

    /** The chain id of a stack with one more layer on it. */
    public static Digest above(Digest chain, Digest diffId) {
        return Digest.of((chain + " " + diffId).getBytes(StandardCharsets.UTF_8));
    }
}
