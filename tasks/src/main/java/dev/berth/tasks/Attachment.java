package dev.berth.tasks;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.berth.kernel.Fault;
import dev.berth.ttrpc.ClientStream;
import dev.berth.ttrpc.TtrpcClient;
import dev.berth.ttrpc.TtrpcStatus;
import dev.berth.wire.shim.supervisor.AttachOutput;
import dev.berth.wire.shim.supervisor.AttachRequest;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The output of a task from some moment on, besides its log. One thread reads; another may close. */
public final class Attachment implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Attachment.class);

    /** So many pieces may be on their way. */
    private static final int AHEAD = 4;

    private static final byte[] MORE = {};

    /**
     * Some output.
     *
     * @param lost bytes that came before it and are not shown, because they came faster than they were read
     */
    @SuppressWarnings("ArrayRecordComponent") // handed over, never compared
    public record Piece(boolean isError, byte[] bytes, long lost) {}

    private final TaskId task;
    private final ClientStream stream;
    private boolean detached;

    private Attachment(TaskId task, ClientStream stream) {
        this.task = task;
        this.stream = stream;
    }

    /**
     * Attaches; from now on nothing is missed.
     *
     * @throws Fault NOT_FOUND if the task's output is not being read: there is none, or it has ended
     */
    static Attachment open(Link supervisor, TaskId task) {
        TtrpcClient client = supervisor.client(Deadlines.SUPERVISOR);
        ClientStream stream = null;
        try {
            stream = client.stream(Supervisor.SERVICE, "Attach", TtrpcClient.FOREVER, Map.of());
            var request =
                    AttachRequest.newBuilder().setNamespace(task.namespace()).setId(task.id());
            stream.send(request.build().toByteArray());
            var attachment = new Attachment(task, stream);
            boolean _ = stream.receive() != null; // its answer says that the tap is there
            for (int i = 0; i < AHEAD; i++) {
                stream.send(MORE);
            }
            return attachment;
        } catch (TtrpcStatus e) {
            if (stream != null) {
                stream.close();
            }
            throw e.toFault("attach to " + task);
        }
    }

    /**
     * Waits for the next piece; null when there will be none, or after {@link #detach}.
     *
     * @throws Fault UNAVAILABLE if the supervisor is gone
     */
    public @Nullable Piece next() {
        try {
            byte[] message = stream.receive();
            if (message == null) {
                return null;
            }
            askForMore();
            var output = AttachOutput.parseFrom(message);
            boolean isError = output.getStdout().isEmpty();
            return new Piece(
                    isError, (isError ? output.getStderr() : output.getStdout()).toByteArray(), output.getLost());
        } catch (TtrpcStatus e) {
            throw e.toFault("attach to " + task);
        } catch (InvalidProtocolBufferException e) {
            throw Fault.internal("attach to " + task, "the supervisor's answer cannot be read", "")
                    .causedBy(e);
        }
    }

    private synchronized void askForMore() {
        if (!detached) {
            stream.send(MORE);
        }
    }

    /** Wants no more: whoever waits in {@link #next} gets the end. Calling it again is harmless. */
    public synchronized void detach() {
        if (!detached) {
            detached = true;
            try {
                stream.closeSend();
            } catch (TtrpcStatus e) {
                LOG.debug("the supervisor is gone: {}", e.getMessage());
            }
        }
    }

    /** Detaches; for the thread that reads. */
    @Override
    public void close() {
        detach();
        stream.close();
    }
}
