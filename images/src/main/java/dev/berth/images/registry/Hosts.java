package dev.berth.images.registry;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The hosts of one repository: asks them in their order, with the right authorization, again after a pause if it may help. */
final class Hosts {
    private static final Logger LOG = LoggerFactory.getLogger(Hosts.class);

    private static final Set<Integer> NO = Set.of(401, 403, 404);
    private static final Duration LONG = Duration.ofSeconds(3);

    private final List<Host> hosts;
    private final Transport transport;
    private final Authorizer authorizer;
    private final List<Scope> scopes;
    private final Ticker ticker;
    /** Mirrors that were waited for long enough, for nothing; to be left out while others help. */
    private final Set<String> inVain;

    /** @param scopes what is asked for */
    Hosts(List<Host> hosts, Transport transport, Authorizer authorizer, List<Scope> scopes, Ticker ticker) {
        this(hosts, transport, authorizer, scopes, ticker, ConcurrentHashMap.newKeySet());
    }

    private Hosts(
            List<Host> hosts,
            Transport transport,
            Authorizer authorizer,
            List<Scope> scopes,
            Ticker ticker,
            Set<String> inVain) {
        this.inVain = inVain;
        this.hosts = hosts;
        this.transport = transport;
        this.authorizer = authorizer;
        this.scopes = scopes;
        this.ticker = ticker;
    }

    /** The same hosts with the same logins, asked for more. */
    Hosts with(Scope scope) {
        return new Hosts(hosts, transport, authorizer, Scope.merge(scopes, List.of(scope)), ticker, inVain);
    }

    /** Only the first that can do something. */
    Hosts first(Host.Capability needed) {
        List<Host> able = hosts.stream().filter(it -> it.can(needed)).limit(1).toList();
        return new Hosts(able, transport, authorizer, scopes, ticker, inVain);
    }

    /** How many can do something. */
    int able(Host.Capability needed) {
        return (int) hosts.stream().filter(it -> it.can(needed)).count();
    }

    /** One try at one host. */
    interface Attempt<T> {
        T at(Host host) throws Refused, InterruptedException;
    }

    Patience patience() {
        return transport.patience();
    }

    /**
     * Tries the hosts that can do something, in order, until one succeeds; and all of them again while one of the refusals was for
     * now only.
     *
     * @throws Fault the last host's, which tells those of the others too; CANCELLED if interrupted
     */
    <T> T patiently(Host.Capability needed, String what, Attempt<T> attempt) {
        try {
            for (int failures = 1; ; failures++) {
                try {
                    return once(needed, what, attempt);
                } catch (Refused e) {
                    giveUpOrPause(e.isDefinite() ? Refused.forGood(e.fault()) : e, failures);
                }
            }
        } catch (InterruptedException e) {
            throw cancelled(what, e);
        }
    }

    /**
     * Tries each host once; not those that were waited for in vain, unless nobody else helps. The refusal is the last host's, but
     * worth another try if any was.
     */
    <T> T once(Host.Capability needed, String what, Attempt<T> attempt) throws Refused, InterruptedException {
        Refused last = null;
        Refused hopeful = null;
        List<Fault> earlier = new ArrayList<>();
        for (Host host : toBeAsked(needed)) {
            long start = ticker.nanos();
            try {
                return at(host, attempt);
            } catch (Refused e) {
                if (host.role() == Host.Role.MIRROR && e.again() && ticker.nanos() - start >= LONG.toNanos()) {
                    inVain.add(host.authority());
                }
                LOG.debug("{}: {} failed: {}", what, host.base(), e.getMessage());
                if (last != null) {
                    earlier.add(last.fault());
                }
                last = host.role() == Host.Role.SERVER && NO.contains(e.status()) ? e.asDefinite() : e;
                hopeful = e.again() ? e : hopeful;
            }
        }
        inVain.clear();
        if (last == null) {
            throw Refused.forGood(Fault.precondition(
                    what, "hosts.toml names no host that may do it", "Give one of them the capability"));
        }
        Refused whole = last.after(earlier);
        if (hopeful != null && !whole.again()) {
            Refused again = Refused.until(whole.fault(), hopeful.after());
            throw whole.isDefinite() ? again.asDefinite() : again;
        }
        throw whole;
    }

    private List<Host> toBeAsked(Host.Capability needed) {
        List<Host> able = hosts.stream().filter(it -> it.can(needed)).toList();
        List<Host> helpful =
                able.stream().filter(it -> !inVain.contains(it.authority())).toList();
        return helpful.isEmpty() ? able : helpful;
    }

    /** One host; if it may speak TLS or not, by what it spoke last, and by the other if it does not understand that any more. */
    private <T> T at(Host host, Attempt<T> attempt) throws Refused, InterruptedException {
        if (host.way() == Host.Way.AS_THE_ADDRESS_SAYS) {
            return attempt.at(host);
        }
        Ways ways = transport.ways();
        boolean tls = ways.isTls(host);
        try {
            return understood(host, tls, attempt);
        } catch (Refused e) {
            boolean other = tls ? e.perhapsPlain() : e.perhapsTls();
            if (!other || (e.status() == 0 && !ways.isWrong(host))) {
                throw e;
            }
            try {
                return understood(host, !tls, attempt);
            } catch (Refused second) {
                e.fault().addSuppressed(second.fault());
                throw second.status() > 0 ? second : e;
            }
        }
    }

    private <T> T understood(Host host, boolean tls, Attempt<T> attempt) throws Refused, InterruptedException {
        T made = attempt.at(tls ? host.overTls() : host);
        transport.ways().understood(host, tls);
        return made;
    }

    /**
     * Waits before the next attempt.
     *
     * @param failures in a row so far, 1 or more
     * @throws Fault the refusal's if there should be no next one
     */
    void giveUpOrPause(Refused refused, int failures) throws InterruptedException {
        Patience patience = transport.patience();
        if (!refused.again() || failures >= patience.attempts()) {
            throw refused.fault();
        }
        pause(refused, failures);
    }

    /** Waits as long as the refusal asks for, else longer with each failure. */
    void pause(Refused refused, int failures) throws InterruptedException {
        Patience patience = transport.patience();
        long most = patience.pauses().after(failures).toMillis();
        long jittered = ThreadLocalRandom.current().nextLong(most / 2, most + 1);
        long wanted = refused.after().map(Duration::toMillis).orElse(jittered);
        long limit = patience.pauses().longest().toMillis();
        ticker.sleep(Duration.ofMillis(Math.min(wanted, limit)));
    }

    /**
     * Sends one request, meeting a challenge if there is one.
     *
     * @return an answer of any status; of 401 if there was nothing to meet it with
     */
    Answer send(Host host, Call call) throws Refused, InterruptedException {
        boolean own = Host.sameOrigin(call.address(), host.base()); // a login is met only where the call itself goes
        String shown = own ? authorizer.known(host, scopes) : null;
        Answer answer = transport.send(host, call, shown);
        for (int met = 0; own && isToBeMet(host, answer, met); met++) {
            String better = better(host, answer, shown);
            if (better == null) {
                return answer;
            }
            shown = better;
            answer = transport.send(host, call, shown);
        }
        return answer;
    }

    /** A challenge is met once; once more if the host then says what else a pass has to be good for. */
    private static boolean isToBeMet(Host host, Answer answer, int met) {
        if (answer.status() != 401 || !Host.sameOrigin(answer.from(), host.base())) {
            return false;
        }
        return met == 0
                || (met == 1
                        && Challenge.parse(challenges(answer)).stream()
                                .anyMatch(it -> it.parameter("error").equals("insufficient_scope")));
    }

    private static List<String> challenges(Answer answer) {
        return answer.headers().allValues("WWW-Authenticate");
    }

    /** What meets the challenge of an answer, which is closed then; null if there is nothing, and the answer is handed on. */
    private @Nullable String better(Host host, Answer answer, @Nullable String rejected)
            throws Refused, InterruptedException {
        boolean handedOn = false;
        try {
            @Nullable
            String better =
                    authorizer.meet(host, scopes, challenges(answer), rejected).orElse(null);
            handedOn = better == null;
            return better;
        } finally {
            if (!handedOn) {
                answer.close();
            }
        }
    }

    static Fault cancelled(String what, InterruptedException e) {
        Thread.currentThread().interrupt();
        return Fault.of(Fault.Code.CANCELLED, what, "it was interrupted", "").causedBy(e);
    }
}
