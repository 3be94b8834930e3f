package dev.berth.images.registry;

import dev.berth.kernel.Fault;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** One attempt at one host did not work. Whether another is worth while is for the caller to say. */
final class Refused extends Exception {
    private static final long serialVersionUID = 1L;

    private final Fault fault;
    private final boolean again;
    private final transient Optional<Duration> after;
    private final int status;
    private final Sign sign;
    private final boolean definite;

    /** What a refusal says of the language that the other side speaks. */
    private enum Sign {
        NONE,
        /** It took the connection and ended it without a word that can be understood. */
        BROKEN,
        /** It answered TLS with something else, or not at all. */
        NO_TLS
    }

    private Refused(Fault fault, boolean again, Optional<Duration> after, int status, Sign sign) {
        this(fault, again, after, status, sign, false);
    }

    private Refused(Fault fault, boolean again, Optional<Duration> after, int status, Sign sign, boolean definite) {
        super(fault.getMessage(), fault);
        this.fault = fault;
        this.again = again;
        this.after = after;
        this.status = status;
        this.sign = sign;
        this.definite = definite;
    }

    /** The same request will fail again. */
    static Refused forGood(Fault fault) {
        return new Refused(fault, false, Optional.empty(), 0, Sign.NONE);
    }

    /** The same request may succeed later. */
    static Refused forNow(Fault fault) {
        return new Refused(fault, true, Optional.empty(), 0, Sign.NONE);
    }

    /** The same request may succeed after a time that the registry named. */
    static Refused until(Fault fault, Optional<Duration> after) {
        return new Refused(fault, true, after, 0, Sign.NONE);
    }

    /** The other side took the connection and ended it without a word that can be understood. */
    static Refused broken(Fault fault) {
        return new Refused(fault, true, Optional.empty(), 0, Sign.BROKEN);
    }

    /** The same refusal, of one who may speak plain HTTP where TLS was tried. */
    Refused withoutTls() {
        return new Refused(fault, again, after, status, Sign.NO_TLS);
    }

    /** The same refusal, as an answer with a status. */
    Refused withStatus(int newStatus) {
        return new Refused(fault, again, after, newStatus, sign);
    }

    /** The same refusal, told with those of hosts that were asked before. */
    Refused after(List<Fault> earlier) {
        return earlier.isEmpty() ? this : new Refused(fault.after(earlier), again, after, status, sign, definite);
    }

    /** The same refusal, as the word of the registry itself. */
    Refused asDefinite() {
        return new Refused(fault, again, after, status, sign, true);
    }

    /** Whether the registry itself has said no, whatever may be the matter with its mirrors. */
    boolean isDefinite() {
        return definite;
    }

    Fault fault() {
        return fault;
    }

    boolean again() {
        return again;
    }

    Optional<Duration> after() {
        return after;
    }

    /** The status of the answer; 0 if there was none. */
    int status() {
        return status;
    }

    /** Whether a server of HTTPS would have done the same if it was spoken to in plain HTTP. */
    boolean perhapsTls() {
        return sign == Sign.BROKEN || status == 400;
    }

    /** Whether a server of plain HTTP would have done the same if it was spoken to in TLS. */
    boolean perhapsPlain() {
        return sign == Sign.NO_TLS;
    }
}
