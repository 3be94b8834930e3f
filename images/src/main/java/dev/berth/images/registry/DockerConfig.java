package dev.berth.images.registry;

import dev.berth.kernel.Fault;
import dev.berth.oci.Adapters;
import io.avaje.json.JsonException;
import io.avaje.jsonb.Json;
import io.avaje.jsonb.Jsonb;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Comparator;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The logins of Docker's {@code config.json}, which podman and Kubernetes write too: those in the file itself and those that
 * its credential helpers keep. The file is read anew each time, so that a new login counts at once.
 *
 * @param file need not exist
 * @see <a href="https://docs.docker.com/reference/cli/docker/login/#credential-stores">docker login</a>
 */
public record DockerConfig(Path file) implements Credentials {
    private static final long MAX_BYTES = 1 << 20;
    private static final Jsonb JSONB = Adapters.of(Jsonb.builder());
    private static final String DOCKER_KEY = "https://index.docker.io/v1/";

    @Override
    public Optional<Login> login(Asked asked) {
        Config config = read();
        Optional<Map.Entry<String, String>> named = best(config.credHelpers(), asked);
        if (named.isPresent() && !named.get().getValue().isEmpty()) {
            return CredentialProgram.named(named.get().getValue())
                    .get(named.get().getKey());
        }
        if (named.isEmpty() && !config.credsStore().isEmpty()) { // a helper of no name takes its host out of the store
            Optional<Login> stored =
                    CredentialProgram.named(config.credsStore()).get(key(asked));
            if (stored.isPresent()) {
                return stored;
            }
        }
        Optional<Map.Entry<String, Entry>> entry = best(config.auths(), asked);
        return entry.flatMap(it -> it.getValue().login(file));
    }

    private static String key(Asked asked) {
        String host = asked.mirror() ? asked.host() : asked.registry();
        return ServerName.same(host, "docker.io") ? DOCKER_KEY : host;
    }

    /** The entry for most of what is asked for: one may be for a host, another for some repositories there. */
    private static <T> Optional<Map.Entry<String, T>> best(Map<String, T> entries, Asked asked) {
        return entries.entrySet().stream()
                .filter(it -> !ServerName.of(it.getKey()).host().isBlank()) // it would be shown to everybody
                .filter(it -> ServerName.of(it.getKey()).isAskedBy(asked))
                .max(Comparator.comparingInt(
                        it -> ServerName.of(it.getKey()).path().length()));
    }

    private Config read() {
        try {
            if (Files.size(file) > MAX_BYTES) {
                throw wrong("it has more than " + MAX_BYTES + " bytes");
            }
            String json = Files.readString(file, StandardCharsets.UTF_8);
            if (json.isBlank()) {
                return Config.EMPTY; // docker takes it so, too
            }
            Config config = JSONB.type(Config.class).fromJson(json);
            return config == null ? Config.EMPTY : config;
        } catch (NoSuchFileException e) {
            return Config.EMPTY;
        } catch (JsonException e) {
            throw wrong("it is not the JSON expected").causedBy(e);
        } catch (IOException e) {
            throw wrong("it cannot be read: " + Text.reason(e)).causedBy(e);
        }
    }

    private Fault wrong(String why) {
        return wrong(file, why);
    }

    private static Fault wrong(Path file, String why) {
        return Fault.precondition("logins in " + file, why, "Correct the file, or take it out of the settings");
    }

    /** The file, as far as it is about logins. */
    @Json
    record Config(
            Map<String, Entry> auths,
            @Json.Property("credHelpers") Map<String, String> credHelpers,
            @Json.Property("credsStore") String credsStore) {
        static final Config EMPTY = new Config(Map.of(), Map.of(), "");

        Config(
                @Nullable Map<String, Entry> auths,
                @Nullable Map<String, String> credHelpers,
                @Nullable String credsStore) {
            this.auths = auths == null ? Map.of() : auths;
            this.credHelpers = credHelpers == null ? Map.of() : credHelpers;
            this.credsStore = credsStore == null ? "" : credsStore;
        }
    }

    /** One login; its text never shows the secrets. */
    @Json
    record Entry(
            @Nullable String auth,
            @Nullable String username,
            @Nullable String password,
            @Nullable String identitytoken,
            @Nullable String registrytoken) {

        Optional<Login> login(Path file) {
            if (identitytoken != null && !identitytoken.isEmpty()) {
                return Optional.of(new Login.IdentityToken(identitytoken));
            }
            if (registrytoken != null && !registrytoken.isEmpty()) {
                return Optional.of(new Login.RegistryToken(registrytoken));
            }
            if (auth != null && !auth.isEmpty()) {
                return Optional.of(pair(file, auth));
            }
            return username == null || username.isEmpty() || password == null
                    ? Optional.empty()
                    : Optional.of(new Login.Password(username, password));
        }

        private static Login pair(Path file, String base64) {
            try {
                String text =
                        new String(Base64.getDecoder().decode(base64.replaceAll("\\s", "")), StandardCharsets.UTF_8);
                int colon = text.indexOf(':');
                if (colon > 0) {
                    String password = text.substring(colon + 1).replaceFirst("\0+$", "");
                    return new Login.Password(text.substring(0, colon), password);
                }
            } catch (IllegalArgumentException e) {
                // told below
            }
            throw wrong(file, "an auth is not base64 of user:password");
        }

        @Override
        public String toString() {
            return "Entry[" + username + "]";
        }
    }
}
