package dev.berth.images.registry;

import java.net.http.HttpRequest;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Lets a caller read what is said to registries and what they answer. There is no login and no token in it: people show such texts to
 * others.
 *
 * @param messages whether requests and answers are told, with those bodies that are text
 * @param times whether it is told from where each answer came, and when
 * @param to is given whole lines, by any thread; it must not wait for its reader
 */
public record Transcript(boolean messages, boolean times, Consumer<String> to) {
    /** For one who does not want to know. */
    public static final Transcript NONE = new Transcript(false, false, text -> {});

    /** Begins with a request that is sent now. */
    Said begin(HttpRequest request, @Nullable Body body) {
        Said said = new Said(this, request);
        said.asked(body);
        return said;
    }
}
