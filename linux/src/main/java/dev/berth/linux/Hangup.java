package dev.berth.linux;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandleProxies;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/**
 * SIGHUP, which ends a JVM that has not said what to do on it.
 *
 * <p>The JVM's own API for that is public and supported in fact but not in name: javac warns of every line that mentions it, and cannot
 * be told not to. So it is found by its name.
 */
public final class Hangup {
    private Hangup() {}

    /** Has every SIGHUP from now on do this and nothing else. It runs on a thread of its own; two may run at once. */
    public static void on(Runnable then) {
        try {
            Class<?> signal = Class.forName("sun.misc.Signal");
            Class<?> handler = Class.forName("sun.misc.SignalHandler");
            MethodHandles.Lookup lookup = MethodHandles.publicLookup();
            MethodHandle run = lookup.findVirtual(Runnable.class, "run", MethodType.methodType(void.class))
                    .bindTo(then);
            Object handling =
                    MethodHandleProxies.asInterfaceInstance(handler, MethodHandles.dropArguments(run, 0, signal));
            Object hangup = lookup.findConstructor(signal, MethodType.methodType(void.class, String.class))
                    .invoke("HUP");
            var _ = lookup.findStatic(signal, "handle", MethodType.methodType(handler, signal, handler))
                    .invoke(hangup, handling);
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }
}
