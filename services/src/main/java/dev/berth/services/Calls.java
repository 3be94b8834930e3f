package dev.berth.services;

import dev.berth.kernel.Fault;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** How a call ends: with its answer, or with the status that its fault stands for. */
final class Calls {
    private static final Logger LOG = LoggerFactory.getLogger(Calls.class);

    /** The body of a call. */
    interface Body<T> {
        T run() throws InterruptedException;
    }

    private Calls() {}

    /** Answers a call with what the body returns. */
    static <T> void answer(StreamObserver<T> caller, Body<T> body) {
        try {
            T answer = body.run();
            if (!Context.current().isCancelled()) {
                caller.onNext(answer);
                caller.onCompleted();
            }
        } catch (InterruptedException | RuntimeException e) {
            fail(caller, e);
        }
    }

    /**
     * As {@link #answer(StreamObserver, Body)}, for what may take long: the body is interrupted when the caller has gone. Not for what
     * must not be left half done.
     */
    static <T> void answerWhileWanted(StreamObserver<T> caller, Body<T> body) {
        Context call = Context.current();
        Thread worker = Thread.currentThread();
        var over = new AtomicBoolean();
        Context.CancellationListener leaving = _ -> {
            synchronized (over) { // the thread is another's business afterwards
                if (!over.get()) {
                    worker.interrupt();
                }
            }
        };
        call.addListener(leaving, Runnable::run);
        try {
            answer(caller, body);
        } finally {
            synchronized (over) {
                over.set(true);
                boolean _ = Thread.interrupted();
            }
            call.removeListener(leaving);
        }
    }

    /** Answers with a list in messages of a bounded number of items, and with one empty message if there are none. */
    static <I, T> void answer(
            StreamObserver<T> caller, int itemsInMessage, Body<List<I>> body, Function<List<I>, T> message) {
        try {
            List<I> items = body.run();
            for (int from = 0; from < items.size(); from += itemsInMessage) {
                caller.onNext(message.apply(items.subList(from, Math.min(items.size(), from + itemsInMessage))));
            }
            caller.onCompleted();
        } catch (InterruptedException | RuntimeException e) {
            fail(caller, e);
        }
    }

    /** Ends a call that has failed before its first message, and lets go by what comes all the same. */
    static <Q, A> StreamObserver<Q> refuse(StreamObserver<A> caller, Exception failure) {
        fail(caller, failure);
        return new StreamObserver<>() {
            @Override
            public void onNext(Q message) {
                LOG.trace("a message for a call that was refused");
            }

            @Override
            public void onError(Throwable gone) {
                LOG.trace("the caller of a call that was refused has gone");
            }

            @Override
            public void onCompleted() {
                LOG.trace("the end of a call that was refused");
            }
        };
    }

    /** Ends a call that has failed. */
    static <T> void fail(StreamObserver<T> caller, Exception failure) {
        if (failure instanceof InterruptedException) {
            Thread.currentThread().interrupt();
            caller.onError(Status.CANCELLED.withDescription("interrupted").asRuntimeException());
        } else {
            caller.onError(status(failure));
        }
    }

    /** The gRPC status of a failure; what is not a fault is a mistake of ours and is logged with its trace. */
    static StatusRuntimeException status(Exception failure) {
        if (failure instanceof StatusRuntimeException already) {
            return already;
        }
        if (failure instanceof Fault fault) {
            if (fault.code() == Fault.Code.INTERNAL) {
                LOG.error("a call failed", fault);
            } else {
                LOG.debug("refused: {}", fault.getMessage());
            }
            for (Throwable left : fault.getSuppressed()) {
                LOG.warn("{}", left.getMessage(), left);
            }
            return status(fault.code())
                    .withDescription(text(fault.code(), String.valueOf(fault.getMessage())))
                    .asRuntimeException();
        }
        LOG.error("a call failed", failure);
        return Status.INTERNAL.withDescription(failure.toString()).asRuntimeException();
    }

    /** Ends with the name of the kind of error: clients of containerd cut it off, print it, and look for it. */
    private static String text(Fault.Code code, String message) {
        String kind = switch (code) {
            case CANCELLED -> "context canceled";
            case DEADLINE_EXCEEDED -> "context deadline exceeded";
            case UNIMPLEMENTED -> "not implemented";
            default -> code.name().toLowerCase(Locale.ROOT).replace('_', ' ');
        };
        return message.endsWith(": " + kind) ? message : message + ": " + kind;
    }

    /** Their names are the same. */
    static Status status(Fault.Code code) {
        return Status.Code.valueOf(code.name()).toStatus();
    }
}
