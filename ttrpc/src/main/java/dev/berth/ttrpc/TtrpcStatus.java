package dev.berth.ttrpc;

import dev.berth.kernel.Fault;
import java.util.List;

/** A call that failed, with the code of its {@code google.rpc.Status}. */
public final class TtrpcStatus extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** The codes of gRPC; their numbers are without gaps. */
    public enum Code {
        OK(0),
        CANCELLED(1),
        UNKNOWN(2),
        INVALID_ARGUMENT(3),
        DEADLINE_EXCEEDED(4),
        NOT_FOUND(5),
        ALREADY_EXISTS(6),
        PERMISSION_DENIED(7),
        RESOURCE_EXHAUSTED(8),
        FAILED_PRECONDITION(9),
        ABORTED(10),
        OUT_OF_RANGE(11),
        UNIMPLEMENTED(12),
        INTERNAL(13),
        UNAVAILABLE(14),
        DATA_LOSS(15),
        UNAUTHENTICATED(16);

        private static final List<Code> BY_NUMBER = List.of(values());

        private final int number;

        Code(int number) {
            this.number = number;
        }

        /** The number on the wire. */
        public int number() {
            return number;
        }

        /** The code of a number; {@link #UNKNOWN} for numbers that gRPC does not define. */
        public static Code of(int number) {
            return number >= 0 && number < BY_NUMBER.size() ? BY_NUMBER.get(number) : UNKNOWN;
        }
    }

    private final Code code;
    private final String reason;
    private final transient List<byte[]> details;

    public TtrpcStatus(Code code, String reason) {
        this(code, reason, List.of());
    }

    /** @param details encoded {@code google.protobuf.Any} messages */
    public TtrpcStatus(Code code, String reason, List<byte[]> details) {
        super(code + ": " + reason);
        this.code = code;
        this.reason = reason;
        this.details = List.copyOf(details);
    }

    /** The status that tells a peer about a fault of ours. */
    public static TtrpcStatus of(Fault fault) {
        var status = new TtrpcStatus(Code.valueOf(fault.code().name()), String.valueOf(fault.getMessage()));
        status.initCause(fault);
        return status;
    }

    /** The same failure in the words of the house. */
    public Fault toFault(String what) {
        Fault.Code same = switch (code) {
            case OK, UNKNOWN -> Fault.Code.INTERNAL;
            default -> Fault.Code.valueOf(code.name());
        };
        return Fault.of(same, what, reason, "").causedBy(this);
    }

    public Code code() {
        return code;
    }

    public boolean is(Code code) {
        return this.code == code;
    }

    /** The message of the status, without its code. */
    public String reason() {
        return reason;
    }

    /** Encoded {@code google.protobuf.Any} messages that came with the status. */
    public List<byte[]> details() {
        return details;
    }
}
