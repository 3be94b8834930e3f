package dev.berth.wire;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Descriptors.FileDescriptor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The compiled descriptors are the tables, no more and no less. */
class TablesTest {
    private static final Path TABLES = Path.of("../tables");

    @Test
    void criIsItsTable() throws IOException {
        compare(List.of(dev.berth.wire.cri.ApiProto.getDescriptor()), "cri.txt");
    }

    @Test
    void containerdIsItsTables() throws IOException {
        compare(
                List.of(
                        dev.berth.wire.containerd.containers.ContainersProto.getDescriptor(),
                        dev.berth.wire.containerd.content.ContentProto.getDescriptor(),
                        dev.berth.wire.containerd.diff.DiffProto.getDescriptor(),
                        dev.berth.wire.containerd.events.EventsProto.getDescriptor(),
                        dev.berth.wire.containerd.images.EventsProto.getDescriptor(),
                        dev.berth.wire.containerd.images.ImagesProto.getDescriptor(),
                        dev.berth.wire.containerd.introspection.IntrospectionProto.getDescriptor(),
                        dev.berth.wire.containerd.leases.LeasesProto.getDescriptor(),
                        dev.berth.wire.containerd.mounts.MountsProto.getDescriptor(),
                        dev.berth.wire.containerd.namespaces.NamespaceProto.getDescriptor(),
                        dev.berth.wire.containerd.sandbox.SandboxProto.getDescriptor(),
                        dev.berth.wire.containerd.snapshots.SnapshotsProto.getDescriptor(),
                        dev.berth.wire.containerd.streaming.StreamingProto.getDescriptor(),
                        dev.berth.wire.containerd.tasks.TasksProto.getDescriptor(),
                        dev.berth.wire.containerd.transfer.TransferProto.getDescriptor(),
                        dev.berth.wire.containerd.version.VersionProto.getDescriptor(),
                        dev.berth.wire.containerd.transfertypes.ContainerProto.getDescriptor(),
                        dev.berth.wire.containerd.transfertypes.ImagestoreProto.getDescriptor(),
                        dev.berth.wire.containerd.transfertypes.ImportexportProto.getDescriptor(),
                        dev.berth.wire.containerd.transfertypes.ProgressProto.getDescriptor(),
                        dev.berth.wire.containerd.transfertypes.RegistryProto.getDescriptor(),
                        dev.berth.wire.containerd.transfertypes.StreamingProto.getDescriptor(),
                        dev.berth.wire.shim.events.ContainerProto.getDescriptor(),
                        dev.berth.wire.shim.events.ContentProto.getDescriptor(),
                        dev.berth.wire.shim.events.NamespaceProto.getDescriptor(),
                        dev.berth.wire.shim.events.SandboxProto.getDescriptor(),
                        dev.berth.wire.shim.events.SnapshotProto.getDescriptor(),
                        dev.berth.wire.shim.events.TaskProto.getDescriptor(),
                        dev.berth.wire.shim.options.OciProto.getDescriptor(),
                        dev.berth.wire.shim.bootstrap.BootstrapProto.getDescriptor(),
                        dev.berth.wire.shim.sandbox.SandboxProto.getDescriptor(),
                        dev.berth.wire.shim.runtimeoptions.ApiProto.getDescriptor(),
                        dev.berth.wire.shim.ttrpcevents.EventsProto.getDescriptor(),
                        dev.berth.wire.shim.task2.ShimProto.getDescriptor(),
                        dev.berth.wire.shim.task.ShimProto.getDescriptor(),
                        dev.berth.wire.shim.types.DescriptorProto.getDescriptor(),
                        dev.berth.wire.shim.types.EventProto.getDescriptor(),
                        dev.berth.wire.shim.types.IntrospectionProto.getDescriptor(),
                        dev.berth.wire.shim.types.MetricsProto.getDescriptor(),
                        dev.berth.wire.shim.types.MountProto.getDescriptor(),
                        dev.berth.wire.shim.types.PlatformProto.getDescriptor(),
                        dev.berth.wire.shim.types.SandboxProto.getDescriptor(),
                        dev.berth.wire.shim.types.TaskProto.getDescriptor(),
                        dev.berth.wire.shim.cgroups1.MetricsProto.getDescriptor(),
                        dev.berth.wire.shim.cgroups2.MetricsProto.getDescriptor()),
                "containerd.txt",
                "cgroups1.txt",
                "cgroups2.txt");
    }

    @Test
    void aWrongNumberWouldBeSeen() throws IOException {
        Table wanted = Table.read(TABLES.resolve("cri.txt"));
        assertThat(wanted.items()).containsKey("message runtime.v1.Mount");
        assertThat(wanted.items().get("message runtime.v1.Mount")).contains("10 string image_sub_path");
        assertThat(wanted.items().get("service runtime.v1.RuntimeService")).hasSize(37);
        assertThat(wanted.items().get("service runtime.v1.ImageService")).hasSize(6);
    }

    private static void compare(List<FileDescriptor> files, String... tables) throws IOException {
        var wanted = new Table();
        for (String table : tables) {
            wanted.add(Table.read(TABLES.resolve(table)));
        }
        var compiled = new Table();
        files.forEach(compiled::add);
        assertThat(compiled.items().keySet()).isEqualTo(wanted.items().keySet());
        wanted.items()
                .forEach((name, lines) ->
                        assertThat(compiled.items().get(name)).as(name).isEqualTo(lines));
    }
}
