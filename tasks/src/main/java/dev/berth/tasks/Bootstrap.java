package dev.berth.tasks;

import dev.berth.kernel.Fault;
import dev.berth.wire.shim.bootstrap.BootstrapParams;
import dev.berth.wire.shim.bootstrap.Extension;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Starting a foreign shim in whichever of the two ways its program understands.
 *
 * <p>There is no way to ask: an old program dies of the new form, a new one of the old form. One that answers {@code -info}
 * is tried with the new form first, one that does not with the old; what worked is remembered until the file changes.
 */
final class Bootstrap {
    private static final Logger LOG = LoggerFactory.getLogger(Bootstrap.class);

    private final TasksConfig config;
    private final Map<Version, Handler.Bootstrapping> known = new ConcurrentHashMap<>();

    /** A program at one point of its life. */
    private record Version(Path program, long modified, long size) {}

    Bootstrap(TasksConfig config) {
        this.config = config;
    }

    /** Starts a shim for a task, or finds the one that its program says it belongs to. */
    ShimAddress start(Handler.Foreign handler, TaskId task, Path bundle) throws IOException, InterruptedException {
        if (!Files.isExecutable(handler.shim())) {
            throw Fault.precondition(
                    "start the shim of " + task,
                    "there is no program " + handler.shim(),
                    "Install it, or correct the handler's path");
        }
        var program = new ShimProgram(handler.shim(), config);
        if (handler.bootstrap() != Handler.Bootstrapping.DETECT) {
            return attempt(program, handler, handler.bootstrap(), task, bundle);
        }
        var version = version(handler.shim());
        var remembered = known.get(version);
        if (remembered != null) {
            return attempt(program, handler, remembered, task, bundle);
        }
        boolean talks = program.info(handler.options()).isPresent();
        var first = talks ? Handler.Bootstrapping.PARAMS : Handler.Bootstrapping.LEGACY;
        var second = talks ? Handler.Bootstrapping.LEGACY : Handler.Bootstrapping.PARAMS;
        try {
            ShimAddress address = attempt(program, handler, first, task, bundle);
            known.put(version, first);
            return address;
        } catch (Fault firstFailed) {
            return second(program, handler, second, task, bundle, firstFailed);
        }
    }

    private ShimAddress second(
            ShimProgram program,
            Handler.Foreign handler,
            Handler.Bootstrapping kind,
            TaskId task,
            Path bundle,
            Fault firstFailed)
            throws IOException, InterruptedException {
        LOG.debug("{} does not start in the first way", program.path(), firstFailed);
        try {
            ShimAddress address = attempt(program, handler, kind, task, bundle);
            known.put(version(program.path()), kind);
            return address;
        } catch (Fault secondFailed) {
            firstFailed.addSuppressed(secondFailed);
            throw firstFailed;
        }
    }

    private ShimAddress attempt(
            ShimProgram program, Handler.Foreign handler, Handler.Bootstrapping kind, TaskId task, Path bundle)
            throws IOException, InterruptedException {
        byte[] stdin = switch (kind) {
            case PARAMS -> params(handler, task).toByteArray();
            case LEGACY, DETECT ->
                handler.options().isPresent() ? handler.options().toAny().toByteArray() : new byte[0];
        };
        ShimProgram.Output output = program.start(task, bundle, stdin);
        if (!output.status().isSuccess()) {
            throw Fault.precondition(
                    "start shim " + program.path() + " for " + task,
                    "it ended with " + output.status().number() + ": " + output.complaint(),
                    "");
        }
        return ShimAddress.parse(program.path(), output.out());
    }

    private BootstrapParams params(Handler.Foreign handler, TaskId task) {
        var params = BootstrapParams.newBuilder()
                .setInstanceId(task.id())
                .setNamespace(task.namespace())
                .setContainerdVersion("2.4.2")
                .setContainerdTtrpcAddress(config.eventsSocket().toString())
                .setContainerdGrpcAddress(config.daemonAddress().toString())
                .setContainerdBinary("berth")
                .setSocketDir(config.state().resolve("s").toString());
        if (handler.options().isPresent()) {
            params.addExtensions(
                    Extension.newBuilder().setValue(handler.options().toAny()));
        }
        return params.build();
    }

    private static Version version(Path program) throws IOException {
        return new Version(program, Files.getLastModifiedTime(program).toMillis(), Files.size(program));
    }
}
