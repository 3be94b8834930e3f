package dev.berth.cri.grpc;

import dev.berth.kernel.Fault;
import io.grpc.Context;
import io.grpc.Deadline;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** How a call ends: with its answer, or with the status that its fault stands for. */
final class Calls {
    private static final Logger LOG = LoggerFactory.getLogger(Calls.class);
    private static final int MOST_BYTES = 6000;
    private static final long YEAR_SECONDS = 365L * 24 * 60 * 60;
    private static final int STREAMED_ITEMS = 200; // keeps each message far below every client's limit

    /** The body of a call. */
    interface Body<T> {
        T run() throws InterruptedException;
    }

    private Calls() {}

    /** Answers a call with what the body returns. */
    static <T> void answer(String method, StreamObserver<T> caller, Body<T> body) {
        answer(method, caller, body, _ -> {});
    }

    /**
     * Answers a call and says so afterwards.
     *
     * @param delivered runs only if the caller was still there when the answer was sent
     */
    static <T> void answer(String method, StreamObserver<T> caller, Body<T> body, Consumer<T> delivered) {
        T answer;
        try {
            answer = body.run();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            caller.onError(
                    Status.CANCELLED.withDescription(method + ": interrupted").asRuntimeException());
            return;
        } catch (RuntimeException e) {
            caller.onError(status(method, e));
            return;
        }
        if (!Context.current().isCancelled()) { // the observer learns of it only after this method has returned
            caller.onNext(answer);
            caller.onCompleted();
            delivered.accept(answer);
        }
    }

    /** Sends a list in messages of a bounded number of items. */
    static <I, T> void stream(
            String method, StreamObserver<T> caller, Body<List<I>> body, Function<List<I>, T> message) {
        try {
            List<I> items = body.run();
            for (int from = 0; from < items.size(); from += STREAMED_ITEMS) {
                caller.onNext(message.apply(items.subList(from, Math.min(items.size(), from + STREAMED_ITEMS))));
            }
            caller.onCompleted();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            caller.onError(
                    Status.CANCELLED.withDescription(method + ": interrupted").asRuntimeException());
        } catch (RuntimeException e) {
            caller.onError(status(method, e));
        }
    }

    /** The gRPC status of a failure; what is not a fault is a mistake of ours and is logged with its trace. */
    static StatusRuntimeException status(String method, RuntimeException failure) {
        if (failure instanceof StatusRuntimeException already) {
            return already;
        }
        if (failure instanceof Fault fault) {
            if (fault.code() == Fault.Code.INTERNAL) {
                LOG.error("{} failed", method, fault);
            } else {
                LOG.info("{} refused: {}", method, fault.getMessage());
            }
            for (Throwable left : fault.getSuppressed()) {
                LOG.warn("{}: {}", method, left.getMessage(), left);
            }
            return status(fault.code())
                    .withDescription(bounded(fault.getMessage()))
                    .asRuntimeException();
        }
        LOG.error("{} failed", method, failure);
        return Status.INTERNAL.withDescription(bounded(method + ": " + failure)).asRuntimeException();
    }

    /**
     * A message travels in a header, with three bytes for each that is not plain ASCII; clients refuse headers of more than
     * 8 KiB, and would tell their user of that and not of the failure.
     */
    static String bounded(@Nullable String message) {
        String text = String.valueOf(message);
        int bytes = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            bytes += c >= ' ' && c <= '~' && c != '%' ? 1 : 9;
            if (bytes > MOST_BYTES) {
                return text.substring(0, Character.isLowSurrogate(c) ? i - 1 : i) + " ...";
            }
        }
        return text;
    }

    /** Seconds of a request; what is negative is none, and no clock counts beyond a year. */
    static Duration seconds(long given) {
        return Duration.ofSeconds(Math.clamp(given, 0, YEAR_SECONDS));
    }

    /** How long the caller will wait; zero if it did not say. */
    static Duration untilDeadline() {
        Deadline deadline = Context.current().getDeadline();
        return deadline == null
                ? Duration.ZERO
                : Duration.ofMillis(Math.max(1, deadline.timeRemaining(TimeUnit.MILLISECONDS)));
    }

    /** The shorter of two limits, of which zero is none. */
    static Duration shorter(Duration one, Duration other) {
        return other.isZero() || (!one.isZero() && one.compareTo(other) < 0) ? one : other;
    }

    /** Their names are the same. */
    static Status status(Fault.Code code) {
        return Status.Code.valueOf(code.name()).toStatus();
    }
}
