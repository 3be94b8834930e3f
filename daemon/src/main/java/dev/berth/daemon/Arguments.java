package dev.berth.daemon;

import dev.berth.kernel.Fault;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The words after a command; each is taken by who knows it, and what nobody took is refused. */
final class Arguments {
    private final List<String> rest;

    Arguments(List<String> words) {
        this.rest = new ArrayList<>(words);
    }

    boolean flag(String name) {
        return rest.remove(name);
    }

    /** The word after a name, or what follows the name and an equals sign. */
    @Nullable
    String value(String name) {
        for (int i = 0; i < rest.size(); i++) {
            if (rest.get(i).equals(name)) {
                if (i + 1 == rest.size()) {
                    throw Fault.invalid(name, "nothing follows it", "Give a value");
                }
                rest.remove(i);
                return rest.remove(i);
            }
            if (rest.get(i).startsWith(name + "=")) {
                return rest.remove(i).substring(name.length() + 1);
            }
        }
        return null;
    }

    /** The next word; empty if there is none. */
    String word() {
        return rest.isEmpty() ? "" : rest.removeFirst();
    }

    /** @throws Fault INVALID_ARGUMENT if a word is left */
    void refuseRest() {
        if (!rest.isEmpty()) {
            throw Fault.invalid("the command line", "\"" + rest.getFirst() + "\" is not understood", "See berth help");
        }
    }
}
