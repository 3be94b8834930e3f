package dev.berth.daemon;

import dev.berth.images.registry.Credentials;
import dev.berth.images.registry.DockerConfig;
import dev.berth.kernel.Fault;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** The logins that the node's owner has given to the daemon: those of its own config, then those of Docker's. */
final class RegistryLogins {
    private RegistryLogins() {}

    /** @throws Fault INVALID_ARGUMENT if a login is none, or more than one */
    static Credentials of(Config.Registry config) {
        List<Credentials> sources = new ArrayList<>();
        config.logins().entrySet().stream()
                // The closest counts: a path before its host.
                .sorted(Comparator.comparingInt(
                        entry -> -withoutScheme(entry.getKey()).length()))
                .forEach(entry -> sources.add(of(entry.getKey(), entry.getValue())));
        if (!config.dockerConfig().isEmpty()) {
            sources.add(new DockerConfig(Path.of(config.dockerConfig())));
        }
        return Credentials.firstOf(sources);
    }

    private static String withoutScheme(String server) {
        return server.strip().replaceFirst("^[a-zA-Z]+://", "");
    }

    private static Credentials of(String server, Config.Login login) {
        boolean password = !login.password().isEmpty() || !login.passwordFile().isEmpty();
        long kinds = List.of(
                        !login.password().isEmpty(),
                        !login.passwordFile().isEmpty(),
                        !login.identityToken().isEmpty(),
                        !login.registryToken().isEmpty())
                .stream()
                .filter(given -> given)
                .count();
        if (withoutScheme(server).replaceFirst("/.*", "").isBlank()) {
            throw Fault.invalid(
                    "config, setting registry.login.\"" + server + "\"",
                    "it names no registry, and would be shown to each",
                    "Name its host");
        }
        if (kinds != 1 || password == login.username().isEmpty()) {
            throw Fault.invalid(
                    "config, setting registry.login.\"" + server + "\"",
                    "it is not one login",
                    "Give username with password or password_file, or identity_token, or registry_token");
        }
        if (!login.passwordFile().isEmpty()) {
            return new FromFile(server, login.username(), Path.of(login.passwordFile()));
        }
        return Credentials.of(
                server,
                password
                        ? new Credentials.Login.Password(login.username(), login.password())
                        : login.registryToken().isEmpty()
                                ? new Credentials.Login.IdentityToken(login.identityToken())
                                : new Credentials.Login.RegistryToken(login.registryToken()));
    }

    /** A password that is kept in a file of its own, which may change at any time. */
    private record FromFile(String server, String username, Path file) implements Credentials {
        @Override
        public Optional<Login> login(Asked asked) {
            // Who it is for is known without the password, which is read only for him.
            boolean meant = Credentials.of(server, new Login.Password(username, ""))
                    .login(asked)
                    .isPresent();
            return meant ? Optional.of(new Login.Password(username, password())) : Optional.empty();
        }

        private String password() {
            try {
                return Files.readString(file).replaceFirst("\\R$", "");
            } catch (IOException e) {
                throw Fault.precondition(
                                "login for " + server, "its password_file cannot be read: " + e, "Correct the config")
                        .causedBy(e);
            }
        }
    }
}
