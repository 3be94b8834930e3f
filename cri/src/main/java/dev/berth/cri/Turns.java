package dev.berth.cri;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;

/** One after the other for each id: calls that change the same pod or container take turns, others do not wait. */
final class Turns {
    private static final class Turn {
        final ReentrantLock lock = new ReentrantLock(true);
        int users;
    }

    /** Ends a turn when closed. */
    interface Held extends AutoCloseable {
        @Override
        void close();
    }

    private final Map<String, Turn> turns = new HashMap<>();

    /** Waits for the turn of this id. */
    Held take(String id) throws InterruptedException {
        Turn turn;
        synchronized (turns) {
            turn = turns.computeIfAbsent(id, _ -> new Turn());
            turn.users++;
        }
        try {
            turn.lock.lockInterruptibly();
        } catch (InterruptedException e) {
            leave(id, turn);
            throw e;
        }
        return () -> {
            turn.lock.unlock();
            leave(id, turn);
        };
    }

    private void leave(String id, Turn turn) {
        synchronized (turns) {
            turn.users--;
            if (turn.users == 0) {
                turns.remove(id);
            }
        }
    }
}
