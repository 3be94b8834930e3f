package dev.berth.images.registry;

import dev.berth.kernel.Fault;
import dev.berth.oci.Adapters;
import io.avaje.json.JsonException;
import io.avaje.jsonb.Json;
import io.avaje.jsonb.Jsonb;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Turns an HTTP status that is no success into what it means for us. */
final class Statuses {
    private static final int MAX_ERROR_BYTES = 64 * 1024;
    private static final Jsonb JSONB = Adapters.of(Jsonb.builder());

    private Statuses() {}

    /**
     * The refusal that an answer is.
     *
     * @param what the action, as in {@code pull docker.io/library/busybox:latest}
     * @param thing what was asked for, as in {@code manifest}; for the message of 404
     */
    static Refused refuse(String what, String thing, Answer answer, Patience patience) throws InterruptedException {
        return meaning(what, thing, answer, patience).withStatus(answer.status());
    }

    private static Refused meaning(String what, String thing, Answer answer, Patience patience)
            throws InterruptedException {
        String at = "at " + answer.from().getAuthority();
        String said = message(answer, patience);
        return switch (answer.status()) {
            case 404 ->
                Refused.forGood(Fault.notFound(
                        what, "there is no such " + thing + " " + at + said, "Check the name and the tag"));
            case 401 ->
                Refused.forGood(Fault.of(
                        Fault.Code.UNAUTHENTICATED,
                        what,
                        "it may not exist, or it needs another login " + at + said,
                        "Check the name, or give credentials that are allowed to"));
            case 403 ->
                Refused.forGood(Fault.of(
                        Fault.Code.PERMISSION_DENIED,
                        what,
                        "access is denied " + at + said,
                        "Give credentials that are allowed to"));
            case 429 ->
                Refused.until(
                        Fault.unavailable(
                                what, "too many requests " + at + said, "Wait, log in, or use a mirror in hosts.toml"),
                        retryAfter(answer));
            default ->
                isForNow(answer.status())
                        ? Refused.until(
                                Fault.unavailable(
                                        what, "status " + answer.status() + " " + at + said, "Try again later"),
                                retryAfter(answer))
                        : Refused.forGood(Fault.precondition(
                                what,
                                "unexpected status " + answer.status() + " " + at + said,
                                "Check that a registry is at this address, and its log"));
        };
    }

    /** Too early, too late, or trouble of the server's own, also of a kind that only proxies know (520 and so on). */
    private static boolean isForNow(int status) {
        return status == 408 || status == 425 || (status >= 500 && status <= 599 && status != 501 && status != 505);
    }

    /** Seconds, or a date; that is compared with the date of the answer, as this machine's clock may be wrong. */
    private static Optional<Duration> retryAfter(Answer answer) {
        String text = answer.header("Retry-After").strip();
        if (text.matches("[0-9]+")) {
            boolean sane = text.length() <= 6;
            return Optional.of(sane ? Duration.ofSeconds(Long.parseLong(text)) : Duration.ofDays(1));
        }
        try {
            Duration time = Duration.between(date(answer.header("Date")), date(text));
            return time.isNegative() ? Optional.empty() : Optional.of(time);
        } catch (DateTimeException neither) {
            return Optional.empty();
        }
    }

    private static Instant date(String text) {
        return Instant.from(DateTimeFormatter.RFC_1123_DATE_TIME.parse(text));
    }

    private static String message(Answer answer, Patience patience) throws InterruptedException {
        try {
            byte[] body = answer.bytes(MAX_ERROR_BYTES, patience.answer());
            if (body == null || body.length == 0) {
                return "";
            }
            Errors errors = JSONB.type(Errors.class).fromJson(new String(body, StandardCharsets.UTF_8));
            if (errors == null || errors.errors == null || errors.errors.isEmpty()) {
                return "";
            }
            Problem first = errors.errors.getFirst();
            return first.message == null ? "" : " (" + Text.shown(first.message, 200) + ")";
        } catch (IOException | JsonException e) {
            return ""; // the status alone must do
        }
    }

    /** The body of an error as the distribution spec has it. */
    @Json
    record Errors(@Nullable List<Problem> errors) {}

    /** One error in it. */
    @Json
    record Problem(@Nullable String code, @Nullable String message) {}
}
