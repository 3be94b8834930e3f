package dev.berth.network.bridge;

import dev.berth.kernel.Disk;
import dev.berth.linux.netlink.Link;
import dev.berth.linux.netlink.Rtnetlink;
import dev.berth.linux.netlink.Sysctl;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** Kernel settings of the node that forwarding needs. Their former values are kept on disk, for the day when we are removed. */
final class HostSettings {
    private static final String FORWARD_V4 = "net/ipv4/ip_forward";
    private static final String FORWARD_V6 = "net/ipv6/conf/all/forwarding";

    private final Path file;
    private final Disk disk;

    HostSettings(Path file, Disk disk) {
        this.file = file;
        this.disk = disk;
    }

    void forwardV4() throws IOException {
        write(FORWARD_V4, "1");
    }

    /** A node that forwards IPv6 would stop believing its own router, unless it is told to go on (2 instead of 1). */
    void forwardV6(Rtnetlink net) throws IOException {
        if (Sysctl.read(FORWARD_V6).equals(Optional.of("1"))) {
            return;
        }
        for (Link link : net.links()) {
            String acceptRa = "net/ipv6/conf/" + link.name() + "/accept_ra";
            if (Sysctl.read(acceptRa).equals(Optional.of("1"))) {
                write(acceptRa, "2");
            }
        }
        write(FORWARD_V6, "1");
    }

    private void write(String name, String value) throws IOException {
        String before = Sysctl.read(name).orElse(value);
        if (before.equals(value)) {
            return;
        }
        Map<String, String> all = former();
        if (all.putIfAbsent(name, before) == null) {
            var text = new StringBuilder();
            all.forEach((n, v) -> text.append(n).append(' ').append(v).append('\n'));
            disk.replace(file, text.toString().getBytes(StandardCharsets.UTF_8));
        }
        Sysctl.write(name, value);
    }

    /** Puts the former values back, unless another bridge on this node may rely on ours by now. */
    void restore(Rtnetlink net) throws IOException {
        boolean alone = net.links().stream().noneMatch(l -> l.kind().equals("bridge"));
        if (alone) {
            for (Map.Entry<String, String> setting : former().entrySet()) {
                if (Sysctl.read(setting.getKey()).isPresent()) {
                    Sysctl.write(setting.getKey(), setting.getValue());
                }
            }
        }
        disk.remove(file);
    }

    private Map<String, String> former() throws IOException {
        Map<String, String> all = new LinkedHashMap<>();
        if (Files.exists(file)) {
            for (String line : Files.readAllLines(file)) {
                int space = line.indexOf(' ');
                if (space > 0) {
                    all.put(line.substring(0, space), line.substring(space + 1));
                }
            }
        }
        return all;
    }
}
