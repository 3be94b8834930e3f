package dev.berth.network;

import dev.berth.kernel.Fault;
import io.avaje.jsonb.Json;
import java.math.BigDecimal;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Limits of a pod's traffic.
 *
 * @param ingressBitsPerSecond into the pod, 0 for no limit
 * @param egressBitsPerSecond out of the pod, 0 for no limit
 */
@Json
public record Bandwidth(long ingressBitsPerSecond, long egressBitsPerSecond) {
    private static final String INGRESS = "kubernetes.io/ingress-bandwidth";
    private static final String EGRESS = "kubernetes.io/egress-bandwidth";
    private static final Pattern QUANTITY = Pattern.compile(
            "([0-9]{1,18}(?:\\.[0-9]{0,18})?|\\.[0-9]{1,18})(?:([eE][+-]?[0-9]{1,2})|(k|M|G|T|P|Ki|Mi|Gi|Ti|Pi))?");
    private static final Map<String, Long> FACTORS = Map.of(
            "k",
            1_000L,
            "M",
            1_000_000L,
            "G",
            1_000_000_000L,
            "T",
            1_000_000_000_000L,
            "P",
            1_000_000_000_000_000L,
            "Ki",
            1L << 10,
            "Mi",
            1L << 20,
            "Gi",
            1L << 30,
            "Ti",
            1L << 40,
            "Pi",
            1L << 50);
    private static final BigDecimal LEAST = BigDecimal.valueOf(1_000);
    private static final BigDecimal MOST = BigDecimal.valueOf(1_000_000_000_000_000L);

    /**
     * What a pod's annotations ask for, empty if nothing.
     *
     * @throws Fault INVALID_ARGUMENT if it is not a quantity of Kubernetes between 1k and 1P
     */
    public static Optional<Bandwidth> of(Map<String, String> annotations) {
        long ingress = bits(INGRESS, annotations.get(INGRESS));
        long egress = bits(EGRESS, annotations.get(EGRESS));
        return ingress == 0 && egress == 0 ? Optional.empty() : Optional.of(new Bandwidth(ingress, egress));
    }

    private static long bits(String annotation, @Nullable String text) {
        if (text == null) {
            return 0;
        }
        Matcher quantity = QUANTITY.matcher(text);
        if (quantity.matches()) {
            String power = quantity.group(2) == null ? "" : quantity.group(2);
            String unit = quantity.group(3);
            BigDecimal bits = new BigDecimal(quantity.group(1) + power)
                    .multiply(BigDecimal.valueOf(unit == null ? 1L : FACTORS.getOrDefault(unit, 1L)));
            if (bits.compareTo(LEAST) >= 0 && bits.compareTo(MOST) <= 0) {
                return bits.longValue();
            }
        }
        String shown = text.length() > 40 ? text.substring(0, 40) + "…" : text;
        throw Fault.invalid(
                "annotation " + annotation,
                "\"" + shown + "\" is not a bandwidth",
                "Use bits per second between 1k and 1P, as in 10M");
    }
}
