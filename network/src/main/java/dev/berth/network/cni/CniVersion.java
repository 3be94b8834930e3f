package dev.berth.network.cni;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** The versions of CNI's language that we speak, oldest first. */
enum CniVersion {
    V0_3_0("0.3.0"),
    V0_3_1("0.3.1"),
    /** CHECK, and the result of ADD given to DEL. */
    V0_4_0("0.4.0"),
    /** Addresses of a result no longer say their family. */
    V1_0_0("1.0.0"),
    /** STATUS and GC. */
    V1_1_0("1.1.0");

    static final String ALL =
            String.join(", ", Arrays.stream(values()).map(CniVersion::text).toList());

    private final String text;

    CniVersion(String text) {
        this.text = text;
    }

    String text() {
        return text;
    }

    boolean isAtLeast(CniVersion other) {
        return compareTo(other) >= 0;
    }

    static Optional<CniVersion> parse(String text) {
        return Arrays.stream(values()).filter(v -> v.text.equals(text)).findFirst();
    }

    /** The newest that we speak of those a configuration offers. */
    static Optional<CniVersion> newest(List<String> offered) {
        return offered.stream().flatMap(text -> parse(text).stream()).max(Comparator.naturalOrder());
    }
}
