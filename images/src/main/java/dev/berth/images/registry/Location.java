package dev.berth.images.registry;

import java.net.URI;
import java.util.regex.Pattern;

/**
 * An address as servers write it into Location and Link: sometimes only a query, sometimes with signs that ought to be escaped, as
 * browsers and Go's clients let them pass.
 *
 * @see <a href="https://www.rfc-editor.org/rfc/rfc3986#section-5.3">RFC 3986, 5.3</a>
 */
final class Location {
    /** The client has each byte of a header as a character of its own. */
    private static final Pattern ODD = Pattern.compile("%(?![0-9A-Fa-f]{2})|[^!#-;=?-Z_a-z~]");

    private Location() {}

    /**
     * Where it leads.
     *
     * @param here the address that was asked
     * @throws IllegalArgumentException if it is none
     */
    static URI from(URI here, String text) {
        String fit = fit(text.strip());
        return fit.startsWith("?") // for this the JDK takes the path's last name away, by an older rule
                ? URI.create(here.toString().replaceFirst("[?#].*$", "") + fit)
                : here.resolve(fit);
    }

    private static String fit(String text) {
        try {
            if (URI.create(text).toASCIIString().equals(text)) {
                return text;
            }
        } catch (IllegalArgumentException e) {
            // made fit below
        }
        return ODD.matcher(text)
                .replaceAll(odd -> "%%%02X".formatted((int) odd.group().charAt(0)));
    }
}
