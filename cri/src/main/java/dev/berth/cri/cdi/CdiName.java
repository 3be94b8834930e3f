package dev.berth.cri.cdi;

import dev.berth.kernel.Fault;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A device's full name, {@code vendor.com/class=device}. */
record CdiName(String kind, String device) {
    private static final String WORD = "[A-Za-z](?:[A-Za-z0-9_%s-]*[A-Za-z0-9])?";
    private static final Pattern KIND = Pattern.compile(WORD.formatted(".") + "/" + WORD.formatted(""));
    private static final Pattern DEVICE = Pattern.compile("[A-Za-z0-9](?:[A-Za-z0-9_.:-]*[A-Za-z0-9])?");
    private static final Pattern FULL = Pattern.compile("(" + KIND + ")=(" + DEVICE + ")");
    private static final int LONGEST = 512;

    /** @throws Fault INVALID_ARGUMENT if it is none */
    static CdiName parse(String text) {
        return text.length() > LONGEST
                ? none(text.substring(0, LONGEST))
                : matched(FULL.matcher(text)).orElseGet(() -> none(text));
    }

    private static Optional<CdiName> matched(Matcher name) {
        return name.matches() ? Optional.of(new CdiName(name.group(1), name.group(2))) : Optional.empty();
    }

    private static CdiName none(String text) {
        throw Fault.invalid(
                "CDI device \"" + text.replaceAll("\\p{Cntrl}", "?") + "\"",
                "this is not the name of one",
                "Write it as vendor.com/class=device");
    }

    static boolean isKind(String text) {
        return text.length() <= LONGEST && KIND.matcher(text).matches();
    }

    static boolean isDevice(String text) {
        return text.length() <= LONGEST && DEVICE.matcher(text).matches();
    }

    @Override
    public String toString() {
        return kind + "=" + device;
    }
}
