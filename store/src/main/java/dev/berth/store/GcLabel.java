package dev.berth.store;

import dev.berth.kernel.Namespace;
import dev.berth.oci.Digest;
import java.util.Map;

/**
 * The labels by which records hold each other, as containerd names them: who sets one on content, a snapshot, an image, a container
 * or a lease tells garbage collection what to keep.
 *
 * @see <a href="https://github.com/containerd/containerd/blob/main/docs/garbage-collection.md">containerd, garbage collection</a>
 */
public final class GcLabel {
    /** Whoever has it stays, with all that it refers to. The value does not matter. */
    public static final String ROOT = "containerd.io/gc.root";

    /** Ends a lease or an image at a time in RFC 3339. */
    public static final String EXPIRE = "containerd.io/gc.expire";

    /** On a lease: it holds just what it names, and not what that refers to. */
    public static final String FLAT = "containerd.io/gc.flat";

    /** The labels of something that nobody refers to yet, and that its maker removes. */
    public static final Map<String, String> KEEP = Map.of(ROOT, "true");

    static final String CONTENT = "containerd.io/gc.ref.content";
    static final String IMAGE = "containerd.io/gc.ref.image";
    static final String SNAPSHOT = "containerd.io/gc.ref.snapshot.";
    static final String SNAPSHOT_CONDITION = "containerd.io/gc.cond.snapshot";
    static final String BY_CONTENT = "containerd.io/gc.bref.content";
    static final String BY_IMAGE = "containerd.io/gc.bref.image";
    static final String BY_CONTAINER = "containerd.io/gc.bref.container";
    static final String BY_SNAPSHOT = "containerd.io/gc.bref.snapshot.";

    private GcLabel() {}

    /**
     * The key of a label that names content.
     *
     * @param child tells it from its siblings: {@code config}, {@code l.0}, {@code m.3}
     */
    public static String content(String child) {
        return CONTENT + "." + child;
    }

    /** The key of a label that names a snapshot. */
    public static String snapshot(String snapshotter) {
        return SNAPSHOT + snapshotter;
    }

    /** Whether any label says what content this content needs: if none does, only its bytes can tell. */
    static boolean namesContent(Map<String, String> labels) {
        return labels.keySet().stream().anyMatch(key -> key.startsWith(CONTENT));
    }

    static Garbage.Node contentNode(Namespace namespace, Digest digest) {
        return new Garbage.Node(Garbage.Kind.CONTENT, namespace, digest.toString());
    }
}
