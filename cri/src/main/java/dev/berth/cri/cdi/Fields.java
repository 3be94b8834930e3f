package dev.berth.cri.cdi;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** One object of a file, read member by member; what nobody has read is told at the end, since it may be what matters. */
final class Fields {
    /** Why a file is no CDI spec. */
    static final class BadSpec extends Exception {
        private static final long serialVersionUID = 1;

        BadSpec(String why) {
            super(why);
        }
    }

    private final String where;
    private final Map<?, ?> members;
    private final Set<String> read = new HashSet<>();

    Fields(String where, @Nullable Object value) throws BadSpec {
        if (!(value instanceof Map<?, ?> map)) {
            throw new BadSpec(where + " is not an object");
        }
        this.where = where;
        this.members = map;
    }

    private @Nullable Object member(String name) {
        read.add(name);
        return members.get(name);
    }

    boolean has(String name) {
        return member(name) != null;
    }

    String text(String name) throws BadSpec {
        Object value = member(name);
        if (value == null) {
            return "";
        }
        if (!(value instanceof String text)) {
            throw new BadSpec(where + "." + name + " is not a text");
        }
        if (text.indexOf('\0') >= 0) {
            throw new BadSpec(where + "." + name + " has a NUL in it");
        }
        return text;
    }

    String needText(String name) throws BadSpec {
        String text = text(name);
        if (text.isEmpty()) {
            throw new BadSpec(where + " has no " + name);
        }
        return text;
    }

    boolean flag(String name) throws BadSpec {
        Object value = member(name);
        if (value != null && !(value instanceof Boolean)) {
            throw new BadSpec(where + "." + name + " is neither true nor false");
        }
        return Boolean.TRUE.equals(value);
    }

    @Nullable
    Long number(String name) throws BadSpec {
        Object value = member(name);
        return value == null ? null : (Long) number(where + "." + name, value);
    }

    private static long number(String what, @Nullable Object value) throws BadSpec {
        if (!(value instanceof Integer || value instanceof Long) || ((Number) value).longValue() < 0) {
            throw new BadSpec(what + " is not a number from 0 on");
        }
        return ((Number) value).longValue();
    }

    List<String> texts(String name) throws BadSpec {
        var texts = new ArrayList<String>();
        for (Object item : list(name)) {
            if (!(item instanceof String text) || text.indexOf('\0') >= 0) {
                throw new BadSpec(where + "." + name + " has something else than texts in it");
            }
            texts.add(text);
        }
        return texts;
    }

    List<Long> numbers(String name) throws BadSpec {
        var numbers = new ArrayList<Long>();
        for (Object item : list(name)) {
            numbers.add(number(where + "." + name, item));
        }
        return numbers;
    }

    List<Fields> objects(String name) throws BadSpec {
        var objects = new ArrayList<Fields>();
        for (Object item : list(name)) {
            objects.add(new Fields(where + "." + name + "[" + objects.size() + "]", item));
        }
        return objects;
    }

    Fields object(String name) throws BadSpec {
        Object value = member(name);
        return new Fields(where + "." + name, value == null ? Map.of() : value);
    }

    private List<?> list(String name) throws BadSpec {
        Object value = member(name);
        if (value == null) {
            return List.of();
        }
        if (!(value instanceof List<?> list)) {
            throw new BadSpec(where + "." + name + " is not a list");
        }
        return list;
    }

    /** Called when all that is known was read. */
    void end() throws BadSpec {
        for (Object key : members.keySet()) {
            if (!(key instanceof String name) || !read.contains(name)) {
                throw new BadSpec(where + " has a member that is not known: " + key);
            }
        }
    }
}
