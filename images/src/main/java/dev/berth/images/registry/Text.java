package dev.berth.images.registry;

import org.jspecify.annotations.Nullable;

/** What strangers wrote, made fit for our messages: no control characters, not too long. */
final class Text {
    private Text() {}

    static String shown(String text, int limit) {
        String clean = text.replaceAll("\\p{Cntrl}+", " ").strip();
        return clean.length() > limit ? clean.substring(0, limit) + "…" : clean;
    }

    static String reason(Throwable cause) {
        @Nullable String message = cause.getMessage();
        return message == null || message.isBlank()
                ? cause.getClass().getSimpleName()
                : shown(message, 200).replaceFirst("\\.+$", ""); // a sentence goes on after it
    }
}
