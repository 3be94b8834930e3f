package dev.berth.services;

import dev.berth.kernel.Fault;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a client wants to see, in containerd's filter language: each filter is a list of conditions that must all be met, as in {@code
 * name==busybox,labels."my.key"~=/^a/}; of several filters one is enough, and without any everything is shown.
 */
final class Filters {
    /** How a filter looks at a thing. */
    interface Fields {
        /** The value of a field, if the thing has it. */
        Optional<String> field(List<String> path);
    }

    /** A condition on one field. */
    sealed interface Condition {
        /** The field is there. */
        record Present(List<String> path) implements Condition {}

        /** It is there and has this value. */
        record Equal(List<String> path, String value) implements Condition {}

        /** It has another value or is not there. */
        record Different(List<String> path, String value) implements Condition {}

        /** The expression is found somewhere in its value; one that is not there is empty. */
        record Matches(List<String> path, FilterExpression expression) implements Condition {}

        /** Whether a thing meets it. */
        default boolean isMetBy(Fields fields) {
            return switch (this) {
                case Present(var path) -> fields.field(path).isPresent();
                case Equal(var path, var value) ->
                    fields.field(path).filter(value::equals).isPresent();
                case Different(var path, var value) ->
                    !fields.field(path).orElse("").equals(value);
                case Matches(var path, var expression) ->
                    expression.find(fields.field(path).orElse(""));
            };
        }
    }

    private final List<List<Condition>> any;

    private Filters(List<List<Condition>> any) {
        this.any = any;
    }

    /**
     * Reads filters.
     *
     * @throws Fault INVALID_ARGUMENT that says where one is wrong
     */
    static Filters parse(Collection<String> texts) {
        List<List<Condition>> all = new ArrayList<>();
        for (String text : texts) {
            all.add(text.isEmpty() ? List.of() : new FilterParser(text).parse());
        }
        return new Filters(all);
    }

    /**
     * Whether it is to be shown.
     *
     * @throws Fault INVALID_ARGUMENT if that takes an expression too long to find out
     */
    boolean show(Fields thing) {
        return any.isEmpty()
                || any.stream().anyMatch(all -> all.stream().allMatch(condition -> condition.isMetBy(thing)));
    }

    /** The field of a map whose key is the rest of a path: keys may have dots without being quoted. */
    static Optional<String> in(Map<String, String> map, List<String> path) {
        return Optional.ofNullable(map.get(String.join(".", path.subList(1, path.size()))));
    }

    /** A field that counts as missing when it is empty. */
    static Optional<String> unlessEmpty(String value) {
        return Optional.of(value).filter(text -> !text.isEmpty());
    }
}
