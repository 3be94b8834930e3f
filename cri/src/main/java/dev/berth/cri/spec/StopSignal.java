package dev.berth.cri.spec;

import dev.berth.kernel.Fault;
import dev.berth.linux.Signals;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The signal that asks a container to end. */
public final class StopSignal {
    private StopSignal() {}

    /**
     * The request's signal, else the image's, else SIGTERM. An image's word that means nothing is passed over, as an image
     * that cannot be stopped politely can still run.
     *
     * @param asked {@code SIGTERM}, {@code SIGRTMIN+3} or CRI's {@code SIGNAL_SIGRTMINPLUS3}; null for none
     * @throws Fault INVALID_ARGUMENT if the request's means nothing
     */
    public static int of(@Nullable String asked, String image) {
        if (asked != null && !asked.isEmpty()) {
            return parse(asked)
                    .orElseThrow(() -> Fault.invalid(
                            "stop signal",
                            "\"" + Shown.of(asked) + "\" is not a signal",
                            "Write its name as SIGTERM, or its number"));
        }
        return image.isEmpty() ? Signals.TERM : parse(image).orElse(Signals.TERM);
    }

    private static Optional<Integer> parse(String text) {
        String name = text.strip().toUpperCase(Locale.ROOT);
        name = name.startsWith("SIGNAL_") ? name.substring("SIGNAL_".length()) : name;
        name = name.equals("SIGCLD") ? "SIGCHLD" : name;
        return Signals.parse(name.replace("MINPLUS", "MIN+").replace("MAXMINUS", "MAX-"));
    }
}
