package dev.berth.tasks;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import dev.berth.wire.shim.options.Options;
import java.nio.file.Path;

/** Who runs the tasks of a runtime handler. */
public sealed interface Handler {
    /**
     * Our supervisor with an OCI runtime.
     *
     * @param runtime name or path of the runtime; empty for the first that works
     * @param systemdCgroup the runtime asks systemd for cgroups
     */
    record Builtin(String runtime, boolean systemdCgroup) implements Handler {}

    /**
     * A shim of somebody else, one process for each task or pod.
     *
     * @param shim absolute path of the program
     * @param options what the shim wants to know, in its own form
     * @param bootstrap how the program is told what to start
     */
    record Foreign(Path shim, ShimOptions options, Bootstrapping bootstrap) implements Handler {}

    /** The two ways to tell a shim program what it shall start. */
    enum Bootstrapping {
        /** Try, and remember what worked. */
        DETECT,
        /** Arguments, environment, and options on standard input. */
        LEGACY,
        /** A BootstrapParams message on standard input. */
        PARAMS
    }

    /** Options as a typed message; {@link #NONE} if there are none. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record ShimOptions(String typeUrl, byte[] value) {
        public static final ShimOptions NONE = new ShimOptions("", new byte[0]);

        /** The options of containerd's runc shim. */
        public static ShimOptions runc(String binaryName, String root, boolean systemdCgroup) {
            return runc(binaryName, root, systemdCgroup, false, false);
        }

        /** The same with the two that only few want. */
        public static ShimOptions runc(
                String binaryName, String root, boolean systemdCgroup, boolean noPivotRoot, boolean noNewKeyring) {
            var options = Options.newBuilder()
                    .setBinaryName(binaryName)
                    .setRoot(root)
                    .setSystemdCgroup(systemdCgroup)
                    .setNoPivotRoot(noPivotRoot)
                    .setNoNewKeyring(noNewKeyring)
                    .build();
            return new ShimOptions("containerd.runc.v1.Options", options.toByteArray());
        }

        /** A configuration file, for shims that have their own format. */
        public static ShimOptions configFile(Path config) {
            var options = dev.berth.wire.shim.runtimeoptions.Options.newBuilder()
                    .setConfigPath(config.toString())
                    .build();
            return new ShimOptions("runtimeoptions.v1.Options", options.toByteArray());
        }

        boolean isPresent() {
            return !typeUrl.isEmpty();
        }

        Any toAny() {
            return Any.newBuilder()
                    .setTypeUrl(typeUrl)
                    .setValue(ByteString.copyFrom(value))
                    .build();
        }
    }
}
