package dev.berth.daemon.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The words after a command; each is taken by who knows it, and what nobody took is refused. Options may stand anywhere; after
 * {@code --} there are none.
 */
public final class Arguments {
    private String command;
    private final List<String> rest;
    private final List<String> plain;
    private final Set<String> known = new TreeSet<>();

    /** @param command what the words belong to, as in {@code berth image} */
    public Arguments(String command, List<String> words) {
        this.command = command;
        int end = words.indexOf("--");
        this.rest = new ArrayList<>(end < 0 ? words : words.subList(0, end));
        this.plain = end < 0 ? List.of() : words.subList(end + 1, words.size());
    }

    /** From now on the words belong to a part of the command. */
    void below(String word) {
        command = command + " " + word;
    }

    /** Whether an option without a value is there, under any of its names. */
    public boolean flag(String... names) {
        known.addAll(List.of(names));
        return rest.removeAll(List.of(names));
    }

    /**
     * The word after a name, or what follows the name and an equals sign.
     *
     * @throws Misuse if the option is there without a value, or twice
     */
    public @Nullable String value(String... names) {
        List<String> all = values(names);
        if (all.size() > 1) {
            throw new Misuse(names[0] + " is given " + all.size() + " times; give it once");
        }
        return all.isEmpty() ? null : all.getFirst();
    }

    /**
     * As {@link #value}, of an option that may be repeated.
     *
     * @throws Misuse if one is without a value
     */
    public List<String> values(String... names) {
        known.addAll(List.of(names));
        var found = new ArrayList<String>();
        for (int i = 0; i < rest.size(); ) {
            String word = rest.get(i);
            if (List.of(names).contains(word)) {
                if (i + 1 == rest.size() || rest.get(i + 1).startsWith("--")) {
                    throw new Misuse("nothing follows " + word + "; give a value");
                }
                rest.remove(i);
                found.add(rest.remove(i));
            } else if (word.startsWith("--") && List.of(names).contains(word.replaceFirst("=.*", ""))) {
                found.add(word.substring(word.indexOf('=') + 1));
                rest.remove(i);
            } else {
                i++;
            }
        }
        return found;
    }

    /** The next word that is no option; empty if there is none. */
    public String word() {
        for (int i = 0; i < rest.size(); i++) {
            if (!rest.get(i).startsWith("-")) {
                return rest.remove(i);
            }
        }
        return "";
    }

    /**
     * All words that are left; options must have been taken before.
     *
     * @param what they are, for whoever gives too few or too many, as in {@code IMAGE...}
     * @throws Misuse if there are fewer or more, or an option that nobody knows
     */
    public List<String> words(String what, int fewest, int most) {
        refuseOptions();
        var words = new ArrayList<>(rest);
        words.addAll(plain);
        rest.clear();
        if (words.size() < fewest) {
            throw new Misuse("write `" + command + " " + what + "`; there is too little");
        }
        if (words.size() > most) {
            throw new Misuse("write `" + command + " " + what + "`; \"" + words.get(most) + "\" is too much");
        }
        return words;
    }

    private void refuseOptions() {
        for (String word : rest) {
            if (word.startsWith("-") && word.length() > 1) {
                String name = word.replaceFirst("=.*", "");
                throw new Misuse("`" + command + "` has no option " + name + "; "
                        + Suggestion.nearest(name, known)
                                .map(near -> "did you mean " + near + "?")
                                .orElse(command + " --help lists them"));
            }
        }
    }

    /**
     * Ends the reading.
     *
     * @throws Misuse if a word is left
     */
    public void refuseRest() {
        refuseOptions();
        if (!rest.isEmpty() || !plain.isEmpty()) {
            String word = rest.isEmpty() ? plain.getFirst() : rest.getFirst();
            throw new Misuse("the command line: \"" + word + "\" is not understood. See berth help");
        }
    }
}
