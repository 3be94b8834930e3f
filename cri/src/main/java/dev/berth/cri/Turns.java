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
        Turn turn = enter(id);
        try {
            turn.lock.lockInterruptibly();
        } catch (InterruptedException e) {
            leave(id, turn);
            throw e;
        }
        return held(id, turn);
    }

    /** The same for turns that last a moment, in which nobody waits for anything: an interruption does not end the wait. */
    Held takeShort(String id) {
        Turn turn = enter(id);
        turn.lock.lock();
        return held(id, turn);
    }

    private Turn enter(String id) {
        synchronized (turns) {
            Turn turn = turns.computeIfAbsent(id, _ -> new Turn());
            turn.users++;
            return turn;
        }
    }

    private Held held(String id, Turn turn) {
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
