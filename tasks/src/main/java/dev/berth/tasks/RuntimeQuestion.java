package dev.berth.tasks;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.berth.kernel.Fault;
import dev.berth.wire.shim.options.Options;
import dev.berth.wire.shim.types.RuntimeInfo;
import dev.berth.wire.shim.types.RuntimeRequest;
import dev.berth.wire.shim.types.RuntimeVersion;
import java.io.IOException;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * What a client of containerd's API asks of a runtime, which it calls as containerd does: {@code io.containerd.runc.v2}, in whose
 * place the supervisor stands, or a shim of somebody else that a handler names. Of others nothing is known.
 *
 * @see <a href="https://github.com/containerd/containerd/blob/main/api/types/introspection.proto">containerd, RuntimeInfo</a>
 */
record RuntimeQuestion(RuntimeRequest request) {
    private static final String RUNC = "io.containerd.runc.v2";
    private static final String PREFIX = "io.containerd.";
    private static final String OPTIONS = "containerd.runc.v1.Options";
    private static final String FEATURES = "types.containerd.io/opencontainers/runtime-spec/1/features/Features";

    private String name() {
        return request.getRuntimePath();
    }

    /** The handler of somebody else's shim that is meant; empty if none is. */
    Optional<Handler.Foreign> foreign(Collection<Handler> handlers) {
        return handlers.stream()
                .filter(Handler.Foreign.class::isInstance)
                .map(Handler.Foreign.class::cast)
                .filter(it -> isMeant(it.shim().toString()))
                .findFirst();
    }

    private boolean isMeant(String shim) {
        if (!name().startsWith(PREFIX)) {
            return shim.equals(name());
        }
        String program = "containerd-shim-" + name().substring(PREFIX.length()).replace('.', '-');
        return shim.endsWith("/" + program);
    }

    /** What a shim's program answers. */
    RuntimeInfo ask(ShimProgram program) throws IOException, InterruptedException {
        Any options = request.getOptions();
        return program.info(new Handler.ShimOptions(
                        options.getTypeUrl(), options.getValue().toByteArray()))
                .orElseThrow(() -> Fault.of(
                        Fault.Code.UNIMPLEMENTED,
                        what(),
                        program.path() + " does not answer to -info",
                        "It is older than that question, or its options are wrong"));
    }

    /**
     * What is known of the supervisor's runtimes.
     *
     * @param version of the program
     * @throws Fault NOT_FOUND if it is not a name of ours, or has no such OCI runtime; INVALID_ARGUMENT if the options are none
     */
    RuntimeInfo ofOurs(String version, Supplier<SupervisorInfo> supervisor) {
        if (!name().equals(RUNC)) {
            throw Fault.notFound(
                    what(), "no handler has a shim of this name", "Name " + RUNC + ", or add a handler to the config");
        }
        RuntimeInfo.Builder info = RuntimeInfo.newBuilder()
                .setName(name())
                .setVersion(RuntimeVersion.newBuilder().setVersion(version));
        if (request.hasOptions()) {
            info.setOptions(request.getOptions());
        }
        String features = runtime(supervisor.get().runtimes()).features();
        if (!features.isEmpty()) {
            info.setFeatures(Any.newBuilder().setTypeUrl(FEATURES).setValue(ByteString.copyFromUtf8(features)));
        }
        return info.build();
    }

    /** The one that the options name, else runc as by that name, else what there is. */
    private SupervisorInfo.OciRuntime runtime(List<SupervisorInfo.OciRuntime> runtimes) {
        String binary = options().getBinaryName();
        if (!binary.isEmpty()) {
            return runtimes.stream()
                    .filter(it -> it.name().equals(binary) || it.path().equals(binary))
                    .findFirst()
                    .orElseThrow(() -> Fault.notFound(
                            what(), "there is no OCI runtime " + binary, "Install it, or name it in the config"));
        }
        List<SupervisorInfo.OciRuntime> usable =
                runtimes.stream().filter(SupervisorInfo.OciRuntime::usable).toList();
        return usable.stream()
                .filter(it -> it.name().equals("runc"))
                .findFirst()
                .or(() -> usable.stream().findFirst())
                .orElseThrow(() -> Fault.notFound(what(), "no OCI runtime was found", "Install crun or runc"));
    }

    private Options options() {
        String type = request.getOptions().getTypeUrl();
        try {
            if (type.isEmpty() || type.substring(type.lastIndexOf('/') + 1).equals(OPTIONS)) {
                return Options.parseFrom(request.getOptions().getValue());
            }
        } catch (InvalidProtocolBufferException e) {
            // told below
        }
        throw Fault.invalid(what(), "its options are no " + OPTIONS, "Give options of this kind, or none");
    }

    private String what() {
        return "runtime \"" + name() + "\"";
    }
}
