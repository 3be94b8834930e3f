package dev.berth.images.registry;

import dev.berth.kernel.Fault;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.NoRouteToHostException;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Why there is no connection to a registry. The JDK's client has lost the reason by the time it fails, so the system is asked for it
 * once more, by a connection that is closed at once.
 */
final class NoConnection {
    private static final Duration LONGEST = Duration.ofSeconds(5);

    private NoConnection() {}

    /**
     * The fault for a connection that did not come about.
     *
     * @param what the registry, as in {@code registry example.com:5000}
     * @param limit how long the connection might have taken
     */
    static Fault to(URI target, String what, Duration limit, Throwable cause) {
        InetSocketAddress address = resolved(unresolved(target));
        if (address.isUnresolved()) {
            return Fault.unavailable(
                            what, "its name is not known", "Check the name, and the name servers of this machine")
                    .causedBy(cause);
        }
        String place = shown(address);
        Duration time = limit.compareTo(LONGEST) < 0 ? limit : LONGEST;
        try (Socket probe = new Socket()) {
            probe.connect(address, Math.toIntExact(Math.max(1, time.toMillis()))); // 0 is for ever
        } catch (ConnectException e) {
            return fault(what, e, place, "Check that the registry runs and that the port is right")
                    .causedBy(cause);
        } catch (NoRouteToHostException e) {
            return fault(what, e, place, "Check the routes and the firewall of this machine")
                    .causedBy(cause);
        } catch (SocketTimeoutException e) {
            return timedOut(address, what, limit).causedBy(cause);
        } catch (IOException e) {
            return fault(what, e, place, "Check the network of this machine and the registry's address")
                    .causedBy(cause);
        }
        return Fault.unavailable(what, "the connection to " + place + " broke while it was made", "Try again later")
                .causedBy(cause);
    }

    /** The fault for a connection to the proxy that did not come about. */
    static Fault toProxy(Proxies.Via proxy, String what, Duration limit, Throwable cause) {
        InetSocketAddress address = resolved(InetSocketAddress.createUnresolved(proxy.host(), proxy.port()));
        Duration time = limit.compareTo(LONGEST) < 0 ? limit : LONGEST;
        String why = "its name is not known";
        if (!address.isUnresolved()) {
            try (Socket probe = new Socket()) {
                probe.connect(address, Math.toIntExact(Math.max(1, time.toMillis())));
                why = "it broke while it was made";
            } catch (IOException e) {
                why = said(e);
            }
        }
        return Fault.unavailable(
                        what,
                        "no connection through the proxy " + proxy + ": " + why,
                        "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY in the daemon's environment")
                .causedBy(cause);
    }

    /** The fault for a connection that took too long, with TLS if the address asks for it. */
    static Fault timedOut(URI target, String what, Duration limit) {
        return timedOut(unresolved(target), what, limit);
    }

    private static Fault timedOut(InetSocketAddress address, String what, Duration limit) {
        return Fault.unavailable(
                what,
                "no connection to " + shown(address) + " within " + limit.toMillis() / 1000.0 + " s",
                "Check the network, a firewall on the way and the registry's address");
    }

    private static Fault fault(String what, IOException reason, String place, String remedy) {
        return Fault.unavailable(what, "no connection to " + place + ": " + said(reason), remedy);
    }

    /** The first letter of what the system says is a capital one. */
    private static String said(IOException reason) {
        String said = Text.reason(reason);
        return said.substring(0, 1).toLowerCase(Locale.ROOT) + said.substring(1);
    }

    private static String shown(InetSocketAddress address) {
        return address.isUnresolved()
                ? address.getHostString() + ":" + address.getPort()
                : address.toString().replaceFirst("^[^/]*/", "");
    }

    /** Name servers may take minutes to say nothing, and no limit can be given to the system. */
    private static InetSocketAddress resolved(InetSocketAddress name) {
        var looking = new FutureTask<>(() -> new InetSocketAddress(name.getHostString(), name.getPort()));
        Thread.ofPlatform().daemon().name("name of a registry").start(looking);
        try {
            return looking.get(LONGEST.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return name;
        } catch (ExecutionException | TimeoutException e) {
            return name;
        }
    }

    private static InetSocketAddress unresolved(URI target) {
        boolean secure = "https".equalsIgnoreCase(target.getScheme());
        int port = target.getPort() > 0 ? target.getPort() : secure ? 443 : 80;
        return InetSocketAddress.createUnresolved(target.getHost().replaceAll("[\\[\\]]", ""), port);
    }
}
