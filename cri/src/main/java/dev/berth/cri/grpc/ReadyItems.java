package dev.berth.cri.grpc;

import com.google.protobuf.ByteString;
import com.google.protobuf.MessageLite;
import com.google.protobuf.UnknownFieldSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.function.Function;

/**
 * The items of a list call as they go over the wire. A kubelet lists everything on its node every second, and hardly anything has
 * changed since: what was encoded for one answer goes into the next as it is, which is most of the work of a long list.
 *
 * <p>Thread-safe.
 *
 * @param <T> of which there is a new instance after every change, and the same one until then
 */
final class ReadyItems<T> {
    /** Of the one and only field of every list's answer. */
    private static final int FIELD = 1;

    private final Function<T, ? extends MessageLite> shown;
    private volatile IdentityHashMap<T, ByteString> ready = new IdentityHashMap<>(); // replaced, never changed

    ReadyItems(Function<T, ? extends MessageLite> shown) {
        this.shown = shown;
    }

    /**
     * An answer's items. They are given to the generated message as a field that it does not know, and reach the client as the field
     * that it does know: on the wire there is no difference.
     *
     * @param all whether these are all that there are, and what is not among them is gone
     */
    UnknownFieldSet of(List<T> items, boolean all) {
        IdentityHashMap<T, ByteString> known = ready;
        var now = new IdentityHashMap<T, ByteString>(items.size());
        var field = UnknownFieldSet.Field.newBuilder();
        for (T item : items) {
            ByteString before = known.get(item);
            ByteString bytes = before != null ? before : shown.apply(item).toByteString();
            now.put(item, bytes);
            field.addLengthDelimited(bytes);
        }
        if (all) {
            ready = now;
        }
        return UnknownFieldSet.newBuilder().addField(FIELD, field.build()).build();
    }
}
