package dev.berth.services;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.berth.images.registry.Credentials;
import dev.berth.kernel.Fault;
import dev.berth.wire.containerd.transfertypes.AuthRequest;
import dev.berth.wire.containerd.transfertypes.AuthResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;

/** Logins that the client is asked for over a stream, one question at a time. */
final class AskedCredentials implements Credentials {
    private final ClientStream stream;
    private final String reference;
    private final ReentrantLock turn = new ReentrantLock();

    AskedCredentials(ClientStream stream, String reference) {
        this.stream = stream;
        this.reference = reference;
    }

    @Override
    public Optional<Login> login(Asked asked) {
        if (asked.mirror()) {
            return Optional.empty(); // what the client has is for the registry that it named
        }
        String host = asked.host();
        turn.lock();
        try {
            stream.send(AuthRequest.newBuilder()
                    .setHost(host)
                    .setReference(reference)
                    .build());
            Any answer = stream.receive();
            return answer == null ? Optional.empty() : login(host, AuthResponse.parseFrom(answer.getValue()));
        } catch (InvalidProtocolBufferException e) {
            throw Fault.invalid("log in to " + host, "the client's answer is malformed", "")
                    .causedBy(e);
        } catch (IOException e) {
            throw Fault.of(Fault.Code.CANCELLED, "log in to " + host, "the client has gone", "")
                    .causedBy(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Fault.of(Fault.Code.CANCELLED, "log in to " + host, "it was interrupted", "")
                    .causedBy(e);
        } finally {
            turn.unlock();
        }
    }

    private static Optional<Login> login(String host, AuthResponse answer) {
        return switch (answer.getAuthType()) {
            case CREDENTIALS -> password(answer);
            case NONE -> Optional.empty();
            case REFRESH ->
                answer.getSecret().isEmpty()
                        ? Optional.empty()
                        : Optional.of(new Login.IdentityToken(answer.getSecret()));
            case HEADER -> Optional.of(header(host, answer.getSecret()));
            case UNRECOGNIZED ->
                throw Fault.of(
                        Fault.Code.UNIMPLEMENTED,
                        "log in to " + host,
                        "the client gives a login of an unknown kind",
                        "Give a name and a password, or a token");
        };
    }

    /** What a client would send as Authorization. */
    static Login header(String host, String value) {
        String[] parts = value.strip().split("\\s+", 2);
        String scheme = parts[0].toLowerCase(Locale.ROOT);
        if (parts.length == 2 && scheme.equals("bearer")) {
            return new Login.RegistryToken(parts[1]);
        }
        if (parts.length == 2 && scheme.equals("basic")) {
            try {
                String pair = new String(Base64.getDecoder().decode(parts[1]), StandardCharsets.UTF_8);
                int colon = pair.indexOf(':');
                if (colon >= 0) {
                    return new Login.Password(pair.substring(0, colon), pair.substring(colon + 1));
                }
            } catch (IllegalArgumentException e) {
                // told below
            }
        }
        throw Fault.invalid(
                "log in to " + host,
                "the header that the client gives is neither \"Basic\" with a name and a password nor \"Bearer\" with a token",
                "Give one of them");
    }

    private static Optional<Login> password(AuthResponse answer) {
        return answer.getUsername().isEmpty() && answer.getSecret().isEmpty()
                ? Optional.empty()
                : Optional.of(new Login.Password(answer.getUsername(), answer.getSecret()));
    }
}
