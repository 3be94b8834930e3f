package dev.berth.kernel;

import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * An error that ends a request: what failed, why, and what its reader can do about it.
 *
 * <p>The code says what the caller may do next; its names are those of gRPC's status codes, to which the edges map it
 * one to one. Decisions are made on the code, never on the text.
 */
public final class Fault extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** What the caller may do next. */
    public enum Code {
        CANCELLED,
        INVALID_ARGUMENT,
        DEADLINE_EXCEEDED,
        NOT_FOUND,
        ALREADY_EXISTS,
        PERMISSION_DENIED,
        RESOURCE_EXHAUSTED,
        FAILED_PRECONDITION,
        ABORTED,
        OUT_OF_RANGE,
        UNIMPLEMENTED,
        INTERNAL,
        UNAVAILABLE,
        DATA_LOSS,
        UNAUTHENTICATED
    }

    private final Code code;

    private Fault(Code code, String message, @Nullable Throwable cause) {
        super(message, cause);
        this.code = code;
    }

    /**
     * Makes a fault of any code.
     *
     * @param what the action that failed, as in "start container 3f2a"
     * @param why the reason, as in "its sandbox 91bc is gone"
     * @param remedy what the reader can do; empty if there is nothing to do
     */
    public static Fault of(Code code, String what, String why, String remedy) {
        return new Fault(code, text(what, why, remedy), null);
    }

    /** The thing named does not exist. */
    public static Fault notFound(String what, String why, String remedy) {
        return of(Code.NOT_FOUND, what, why, remedy);
    }

    /** The thing to be made exists already. */
    public static Fault alreadyExists(String what, String why, String remedy) {
        return of(Code.ALREADY_EXISTS, what, why, remedy);
    }

    /** The request can never succeed as it stands. */
    public static Fault invalid(String what, String why, String remedy) {
        return of(Code.INVALID_ARGUMENT, what, why, remedy);
    }

    /** The request may succeed once the system is in another state. */
    public static Fault precondition(String what, String why, String remedy) {
        return of(Code.FAILED_PRECONDITION, what, why, remedy);
    }

    /** A part that is needed does not answer; the same request may succeed later. */
    public static Fault unavailable(String what, String why, String remedy) {
        return of(Code.UNAVAILABLE, what, why, remedy);
    }

    /** The time for the request is over. */
    public static Fault deadline(String what, String why, String remedy) {
        return of(Code.DEADLINE_EXCEEDED, what, why, remedy);
    }

    /** A limit is reached: disk, memory, processes. */
    public static Fault exhausted(String what, String why, String remedy) {
        return of(Code.RESOURCE_EXHAUSTED, what, why, remedy);
    }

    /** An invariant of ours is broken. */
    public static Fault internal(String what, String why, String remedy) {
        return of(Code.INTERNAL, what, why, remedy);
    }

    /** The fault with which work on another thread has ended; INTERNAL if it ended by any other exception. */
    public static Fault of(String what, ExecutionException ended) {
        return ended.getCause() instanceof Fault fault
                ? fault
                : internal(what, String.valueOf(ended.getCause()), "").causedBy(ended);
    }

    /** The same fault with the exception that led to it. */
    public Fault causedBy(Throwable cause) {
        Fault fault = new Fault(code, String.valueOf(getMessage()), cause);
        fault.setStackTrace(getStackTrace());
        return fault;
    }

    /**
     * The same fault as that of a larger action of which it ended a part; as it is, if it names that action already.
     *
     * @param action as in "pull busybox:1.36"
     */
    public Fault within(String action) {
        String message = String.valueOf(getMessage());
        return message.startsWith(action + ": ") ? this : new Fault(code, action + ": " + message, this);
    }

    /**
     * The same fault, told with others that came before it: what it stood in for, and perhaps what its reader can mend.
     *
     * @param earlier in the order in which they came; if there is none, it is this fault as it is
     */
    public Fault after(List<Fault> earlier) {
        if (earlier.isEmpty()) {
            return this;
        }
        String before = earlier.stream().map(Throwable::getMessage).collect(Collectors.joining("; "));
        Fault fault = new Fault(code, getMessage() + ". Tried before: " + before, this);
        fault.setStackTrace(getStackTrace());
        return fault;
    }

    public Code code() {
        return code;
    }

    private static String text(String what, String why, String remedy) {
        return remedy.isEmpty() ? what + ": " + why : what + ": " + why + ". " + remedy;
    }
}
