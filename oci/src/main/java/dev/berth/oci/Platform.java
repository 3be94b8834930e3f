package dev.berth.oci;

import dev.berth.kernel.Fault;
import io.avaje.jsonb.Json;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;

/**
 * What an image runs on. Names are normalised as they come in ({@code x86_64} is {@code amd64}, {@code arm64/v8} is {@code arm64}).
 *
 * @param os as in {@code linux}; empty if not said
 * @param architecture Go's name of it, as in {@code amd64}; empty if not said
 * @param variant as in {@code v7}; empty if there is none
 */
@Json
public record Platform(
        @Json.Property("architecture") String architecture,
        @Json.Property("os") String os,
        @Json.Property("variant") String variant,
        @Json.Property("os.version") String osVersion,
        @Json.Property("os.features") List<String> osFeatures) {

    public Platform {
        String arch = Absent.text(architecture).toLowerCase(Locale.ROOT);
        String given = Absent.text(variant).toLowerCase(Locale.ROOT);
        os = Absent.text(os).toLowerCase(Locale.ROOT);
        osVersion = Absent.text(osVersion);
        osFeatures = Absent.list(osFeatures);
        architecture = switch (arch) {
            case "x86_64", "x86-64" -> "amd64";
            case "aarch64" -> "arm64";
            case "i386", "i486", "i586", "i686" -> "386";
            case "armhf", "armel" -> "arm";
            default -> arch;
        };
        variant = switch (architecture) {
            case "amd64" -> given.equals("v1") ? "" : given;
            case "arm64" -> given.equals("v8") || given.equals("8") ? "" : given;
            case "arm" -> armVariant(arch, given);
            default -> given;
        };
    }

    public static Platform of(String os, String architecture, String variant) {
        return new Platform(architecture, os, variant, "", List.of());
    }

    /** This machine. */
    public static Platform host() {
        return of("linux", System.getProperty("os.arch", ""), "");
    }

    /**
     * Reads {@code os/architecture[/variant]}, or an architecture alone.
     *
     * @throws Fault INVALID_ARGUMENT if it has more parts or empty ones
     */
    public static Platform parse(String text) {
        String[] parts = text.split("/", -1);
        for (String part : parts) {
            if (part.isEmpty() || parts.length > 3) {
                throw Fault.invalid(
                        "platform \"" + text + "\"", "it is not os/architecture/variant", "Write it as linux/amd64");
            }
        }
        return parts.length == 1
                ? of("linux", parts[0], "")
                : of(parts[0], parts[1], parts.length == 3 ? parts[2] : "");
    }

    /**
     * How well an image for another platform runs here: 0 is exactly right, larger is worse, empty is not at all. An older variant of
     * the same architecture runs; so does the 32-bit sister of amd64 and arm64.
     */
    public OptionalInt distanceTo(Platform image) {
        if (!os.equals(image.os)) {
            return OptionalInt.empty();
        }
        if (architecture.equals(image.architecture)) {
            int older = version(variant, architecture) - version(image.variant, architecture);
            return older < 0 ? OptionalInt.empty() : OptionalInt.of(older);
        }
        boolean sister = (architecture.equals("amd64") && image.architecture.equals("386"))
                || (architecture.equals("arm64") && image.architecture.equals("arm"));
        return sister ? OptionalInt.of(100 - version(image.variant, image.architecture)) : OptionalInt.empty();
    }

    @Override
    public String toString() {
        return os + "/" + architecture + (variant.isEmpty() ? "" : "/" + variant);
    }

    private static String armVariant(String arch, String given) {
        if (given.isEmpty()) {
            return arch.equals("armel") ? "v6" : "v7";
        }
        return Character.isDigit(given.charAt(0)) ? "v" + given : given;
    }

    private static int version(String variant, String architecture) {
        if (variant.length() == 2 && variant.charAt(0) == 'v' && Character.isDigit(variant.charAt(1))) {
            return variant.charAt(1) - '0';
        }
        return switch (architecture) {
            case "arm64" -> 8;
            case "arm" -> 7;
            default -> variant.isEmpty() ? 1 : 99; // a variant that we do not know runs only where it is asked for
        };
    }
}
