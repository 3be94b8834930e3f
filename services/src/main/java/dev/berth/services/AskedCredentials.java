package dev.berth.services;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.berth.images.registry.Credentials;
import dev.berth.kernel.Fault;
import dev.berth.wire.containerd.transfertypes.AuthRequest;
import dev.berth.wire.containerd.transfertypes.AuthResponse;
import java.io.IOException;
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
            case HEADER, UNRECOGNIZED ->
                throw Fault.of(
                        Fault.Code.UNIMPLEMENTED,
                        "log in to " + host,
                        "the client gives a header of its own",
                        "Give a name and a password, or a token");
        };
    }

    private static Optional<Login> password(AuthResponse answer) {
        return answer.getUsername().isEmpty() && answer.getSecret().isEmpty()
                ? Optional.empty()
                : Optional.of(new Login.Password(answer.getUsername(), answer.getSecret()));
    }
}
