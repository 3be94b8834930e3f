package dev.berth.services;

import com.google.protobuf.Empty;
import dev.berth.kernel.Disk;
import dev.berth.kernel.Fault;
import dev.berth.wire.containerd.introspection.IntrospectionGrpc;
import dev.berth.wire.containerd.introspection.PluginInfoRequest;
import dev.berth.wire.containerd.introspection.PluginInfoResponse;
import dev.berth.wire.containerd.introspection.PluginsRequest;
import dev.berth.wire.containerd.introspection.PluginsResponse;
import dev.berth.wire.containerd.introspection.ServerResponse;
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
    private final ReentrantLock lock = new ReentrantLock();

    IntrospectionService(Plugins plugins, Path root, Disk disk) {
        this.plugins = plugins;
        this.uuidFile = root.resolve("uuid");
        this.disk = disk;
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
            if (request.hasOptions()) {
                throw Fault.of(Fault.Code.UNIMPLEMENTED, name, "it has nothing more to tell", "");
            }
            return PluginInfoResponse.newBuilder().setPlugin(plugin).build();
        });
    }

    /** Made by chance with the first question, and kept with the store. */
    private String uuid() {
        lock.lock();
        try {
            return UUID.fromString(Files.readString(uuidFile).strip()).toString();
        } catch (NoSuchFileException | IllegalArgumentException none) {
            return newUuid();
        } catch (IOException e) {
            throw failed(e);
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
            throw failed(e);
        }
    }

    private Fault failed(IOException e) {
        return Fault.unavailable("tell the server's identity", uuidFile + ": " + e.getMessage(), "")
                .causedBy(e);
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
