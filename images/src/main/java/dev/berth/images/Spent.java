package dev.berth.images;

import dev.berth.kernel.Ticker;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.StringJoiner;
import java.util.concurrent.atomic.LongAdder;

/** Where the time of a pull goes, over all of its threads: several work at a time, so the parts are more than the whole. */
final class Spent {
    /** What a thread does, or waits for. */
    enum On {
        /** Bytes from the registry: sent, decrypted, waited for. */
        NETWORK,
        /** Packed bytes hashed and written into the store. */
        STORE,
        /** Who brings bytes waits for who unpacks them. */
        BEHIND,
        /** Archives unpacked. */
        INFLATE,
        /** Archives hashed. */
        HASH,
        /** Files made and written. */
        FILES,
        /** Waiting until all is on disk. */
        SYNC
    }

    private static final Ticker TICKER = Ticker.system();

    private final long began = TICKER.nanos();
    private final Map<On, LongAdder> nanos = new EnumMap<>(On.class);

    Spent() {
        for (On each : On.values()) {
            nanos.put(each, new LongAdder());
        }
    }

    static long now() {
        return TICKER.nanos();
    }

    void add(On what, long spent) {
        LongAdder sum = nanos.get(what);
        if (sum != null) {
            sum.add(spent);
        }
    }

    /** In all, since this object was made. */
    Duration elapsed() {
        return TICKER.since(began);
    }

    /** {@code network 310 ms, store 20 ms, ...}. */
    @Override
    public String toString() {
        var text = new StringJoiner(", ");
        nanos.forEach((what, sum) -> text.add(what.name().toLowerCase(Locale.ROOT) + " "
                + Duration.ofNanos(sum.sum()).toMillis() + " ms"));
        return text.toString();
    }
}
