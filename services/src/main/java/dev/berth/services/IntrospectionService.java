package dev.berth.services;

import com.google.protobuf.Any;
import com.google.protobuf.Empty;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.berth.kernel.Disk;
import dev.berth.kernel.DiskFault;
import dev.berth.kernel.Fault;
import dev.berth.tasks.Tasks;
import dev.berth.wire.containerd.introspection.IntrospectionGrpc;
import dev.berth.wire.containerd.introspection.Plugin;
import dev.berth.wire.containerd.introspection.PluginInfoRequest;
import dev.berth.wire.containerd.introspection.PluginInfoResponse;
import dev.berth.wire.containerd.introspection.PluginsRequest;
import dev.berth.wire.containerd.introspection.PluginsResponse;
import dev.berth.wire.containerd.introspection.ServerResponse;
import dev.berth.wire.shim.types.RuntimeInfo;
import dev.berth.wire.shim.types.RuntimeRequest;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.UUID;
import java.util.concurrent.locks.ReentrantLock;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What this daemon is and has. */
final class IntrospectionService extends IntrospectionGrpc.IntrospectionImplBase {
    private static final Pattern NUMBER = Pattern.compile("\\d+");

    private final Plugins plugins;
    private final Path uuidFile;
    private final Disk disk;
    private final Tasks tasks;
    private final String version;
    private final ReentrantLock lock = new ReentrantLock();

    /** @param version of the program */
    IntrospectionService(Plugins plugins, Path root, Disk disk, Tasks tasks, String version) {
        this.plugins = plugins;
        this.uuidFile = root.resolve("uuid");
        this.disk = disk;
        this.tasks = tasks;
        this.version = version;
    }

    @Override
    public void plugins(PluginsRequest request, StreamObserver<PluginsResponse> caller) {
        Calls.answer(caller, () -> {
            Filters filters = Filters.parse(request.getFiltersList());
            return PluginsResponse.newBuilder()
                    .addAllPlugins(plugins.all().stream()
                            .filter(plugin -> filters.show(path -> Plugins.field(plugin, path)))
                            .toList())
                    .build();
        });
    }

    @Override
    public void server(Empty request, StreamObserver<ServerResponse> caller) {
        Calls.answer(
                caller,
                () -> ServerResponse.newBuilder()
                        .setUuid(uuid())
                        .setPid(ProcessHandle.current().pid())
                        .setPidns(pidNamespace())
                        .build());
    }

    @Override
    public void pluginInfo(PluginInfoRequest request, StreamObserver<PluginInfoResponse> caller) {
        Calls.answer(caller, () -> {
            String name = "plugin " + request.getType() + "." + request.getId();
            var plugin = plugins.find(request.getType(), request.getId())
                    .orElseThrow(() -> Fault.notFound(name, "there is none of this name", ""));
            PluginInfoResponse.Builder answer = PluginInfoResponse.newBuilder().setPlugin(plugin);
            if (request.hasOptions()) {
                answer.setExtra(more(name, plugin, request.getOptions()));
            }
            return answer.build();
        });
    }

    /** What a plugin has to tell besides; only those of runtimes have. */
    private Any more(String name, Plugin plugin, Any question) throws InterruptedException {
        boolean isOfRuntimes = plugin.getType().equals(Plugins.RUNTIMES)
                && ClientStream.type(question)
                        .equals(RuntimeRequest.getDescriptor().getFullName());
        if (!isOfRuntimes) {
            throw Fault.of(Fault.Code.UNIMPLEMENTED, name, "it has nothing more to tell", "");
        }
        try {
            RuntimeInfo info = tasks.runtimeInfo(RuntimeRequest.parseFrom(question.getValue()), version);
            return Any.newBuilder()
                    .setTypeUrl(RuntimeInfo.getDescriptor().getFullName())
                    .setValue(info.toByteString())
                    .build();
        } catch (InvalidProtocolBufferException e) {
            throw Fault.invalid(name, "the question is malformed", "").causedBy(e);
        }
    }

    /** Made by chance with the first question, and kept with the store. */
    private String uuid() {
        lock.lock();
        try {
            return UUID.fromString(Files.readString(uuidFile).strip()).toString();
        } catch (NoSuchFileException | IllegalArgumentException none) {
            return newUuid();
        } catch (IOException e) {
            throw DiskFault.of("tell the server's identity in " + uuidFile, e);
        } finally {
            lock.unlock();
        }
    }

    private String newUuid() {
        try {
            String uuid = UUID.randomUUID().toString();
            disk.replace(uuidFile, uuid.getBytes(StandardCharsets.UTF_8));
            return uuid;
        } catch (IOException e) {
            throw DiskFault.of("tell the server's identity in " + uuidFile, e);
        }
    }

    private static long pidNamespace() {
        try {
            Matcher number = NUMBER.matcher(
                    Files.readSymbolicLink(Path.of("/proc/self/ns/pid")).toString());
            return number.find() ? Long.parseLong(number.group()) : 0;
        } catch (IOException e) {
            throw Fault.internal("tell the server's pid namespace", String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }
}
