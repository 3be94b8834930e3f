package dev.berth.network.bridge;

import dev.berth.kernel.Disk;
import dev.berth.kernel.Fault;
import dev.berth.linux.netlink.IpPrefix;
import dev.berth.network.PodNetworkRequest.PortMapping;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Who has which address, in a journal of one line for each change; a line is written before the change counts. A new number
 * is taken as long as there are any, then the one that was given back longest ago.
 *
 * <p>Lines are not synced: they outlive the process, and a node that lost its power has no pods. A torn or foreign line is
 * left out with a warning.
 */
final class Leases implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Leases.class);
    private static final int LINES_BEFORE_COMPACTION = 4096;

    private final Path file;
    private final Disk disk;
    private final Map<String, Lease> leases = new LinkedHashMap<>();
    private final Set<InetAddress> taken = new HashSet<>();
    private final LinkedHashSet<Long> released = new LinkedHashSet<>();
    private Ranges ranges = Ranges.NONE;
    private long next = Ranges.FIRST;
    private int lines;
    private @Nullable OutputStream journal;

    private Leases(Path file, Disk disk) {
        this.file = file;
        this.disk = disk;
    }

    /** Reads the journal, which need not exist, and begins a new one with what counts of it. */
    static Leases open(Path file, Disk disk) throws IOException {
        Leases leases = new Leases(file, disk);
        if (Files.exists(file)) {
            String text = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
            String whole = text.substring(0, text.lastIndexOf('\n') + 1); // a line without its end was torn
            whole.lines().forEach(leases::replay);
        }
        leases.compact();
        return leases;
    }

    private void replay(String line) {
        try {
            int space = line.indexOf(' ');
            apply(line.substring(0, Math.max(0, space)), line.substring(space + 1));
        } catch (IllegalArgumentException | Fault e) {
            LOG.warn("{}: left out the line \"{}\": {}", file, line, e.getMessage());
        }
    }

    private void apply(String verb, String rest) {
        switch (verb) {
            case "ranges" -> use(ranges(rest));
            case "next" -> next = Math.max(Ranges.FIRST, Long.parseLong(rest));
            case "released" -> released.add(Long.parseLong(rest));
            case "lease" -> replay(Lease.parse(rest));
            case "release" -> drop(rest);
            default -> throw new IllegalArgumentException("unknown verb");
        }
    }

    /** An address has one owner: if the line of the last one's release was damaged, it is the later one. */
    private void replay(Lease lease) {
        Set<InetAddress> addresses =
                lease.addresses().stream().map(IpPrefix::address).collect(Collectors.toSet());
        List<String> before = leases.values().stream()
                .filter(other -> other.addresses().stream().anyMatch(a -> addresses.contains(a.address())))
                .map(Lease::podId)
                .toList();
        Optional<Long> number = numberOf(lease);
        if (number.isPresent() && number.get() < Ranges.FIRST) {
            throw new IllegalArgumentException("no pod has the address " + lease.addresses());
        }
        before.forEach(this::drop);
        add(lease);
    }

    private static Ranges ranges(String text) {
        String[] parts = text.split(" ", -1);
        if (parts.length != 2) {
            throw new IllegalArgumentException("ranges have two parts: " + text);
        }
        List<IpPrefix> subnets = Arrays.stream(parts[1].split(",", -1))
                .map(it -> IpPrefix.parse(it).network())
                .toList();
        BridgeConfig.checkSubnets(subnets);
        return new Ranges(Ranges.Origin.valueOf(parts[0]), subnets);
    }

    private static String text(Ranges ranges) {
        return "ranges " + ranges.origin() + " "
                + String.join(
                        ",", ranges.subnets().stream().map(IpPrefix::toString).toList());
    }

    synchronized Ranges ranges() {
        return ranges;
    }

    /** Takes new leases from other ranges; those that are out keep what they have. */
    synchronized void change(Ranges to) {
        if (!to.equals(ranges)) {
            append(text(to));
            use(to);
        }
    }

    private void use(Ranges to) {
        if (!to.subnets().equals(ranges.subnets())) {
            next = Ranges.FIRST;
            released.clear();
        }
        ranges = to;
    }

    /**
     * Gives a pod addresses and ports.
     *
     * @throws Fault RESOURCE_EXHAUSTED if no address is left, FAILED_PRECONDITION if another pod has a port
     */
    synchronized Lease take(String podId, List<PortMapping> ports) {
        for (PortMapping port : ports) {
            checkFree(podId, port);
        }
        long number = free(podId);
        Lease lease = new Lease(podId, ranges.addresses(number), List.copyOf(ports));
        append("lease " + lease.text());
        add(lease);
        return lease;
    }

    private long free(String podId) {
        for (long number = next; number <= ranges.last(); number++) {
            if (isFree(number)) {
                return number;
            }
        }
        for (long number : released) {
            if (isFree(number)) {
                return number;
            }
        }
        throw Fault.exhausted(
                "attach pod " + podId,
                "all addresses of " + ranges.subnets() + " are in use by " + leases.size() + " pods",
                "Remove pods or configure a larger range as network.subnets");
    }

    private boolean isFree(long number) {
        return number >= Ranges.FIRST
                && number <= ranges.last()
                && ranges.addresses(number).stream().noneMatch(a -> taken.contains(a.address()));
    }

    private void checkFree(String podId, PortMapping wanted) {
        for (Lease lease : leases.values()) {
            for (PortMapping port : lease.ports()) {
                if (port.protocol() == wanted.protocol()
                        && port.hostPort() == wanted.hostPort()
                        && HostAddress.overlap(port.hostIp(), wanted.hostIp())) {
                    throw Fault.precondition(
                            "attach pod " + podId,
                            "port " + wanted.hostPort() + "/" + wanted.protocol() + " of the node belongs to pod "
                                    + lease.podId(),
                            "Use another hostPort or remove that pod");
                }
            }
        }
    }

    private void add(Lease lease) {
        drop(lease.podId());
        leases.put(lease.podId(), lease);
        lease.addresses().forEach(a -> taken.add(a.address()));
        numberOf(lease).ifPresent(number -> {
            released.remove(number);
            next = Math.max(next, number + 1);
        });
    }

    /** Takes a pod's addresses and ports back. Harmless if it has none. */
    synchronized void release(String podId) {
        if (leases.containsKey(podId)) {
            append("release " + podId);
            drop(podId);
        }
    }

    private void drop(String podId) {
        Lease lease = leases.remove(podId);
        if (lease != null) {
            lease.addresses().forEach(a -> taken.remove(a.address()));
            numberOf(lease).ifPresent(released::add);
        }
    }

    /** Empty if the lease is from ranges of before. */
    private Optional<Long> numberOf(Lease lease) {
        InetAddress address = lease.addresses().getFirst().address();
        return ranges.subnets().stream()
                .filter(s -> s.contains(address))
                .map(s -> s.numberOf(address))
                .findFirst();
    }

    synchronized Optional<Lease> find(String podId) {
        return Optional.ofNullable(leases.get(podId));
    }

    synchronized Collection<Lease> all() {
        return List.copyOf(leases.values());
    }

    private void append(String line) {
        try {
            if (journal == null || lines >= LINES_BEFORE_COMPACTION) {
                compact();
            }
            write(line + "\n");
            lines++;
        } catch (IOException e) {
            journal = null; // what is in the file now is unknown: the next change begins a new one
            throw Fault.internal("write " + file, String.valueOf(e.getMessage()), "Look at the disk's space and health")
                    .causedBy(e);
        }
    }

    /** By a stream, because an interrupt of the caller would close a channel. */
    private void write(String text) throws IOException {
        OutputStream stream = journal;
        if (stream == null) {
            throw new IOException("the journal is closed");
        }
        stream.write(text.getBytes(StandardCharsets.UTF_8));
    }

    private void compact() throws IOException {
        var all = new StringBuilder();
        if (!ranges.subnets().isEmpty()) {
            all.append(text(ranges)).append('\n');
        }
        all.append("next ").append(next).append('\n');
        released.forEach(number -> all.append("released ").append(number).append('\n'));
        leases.values()
                .forEach(lease -> all.append("lease ").append(lease.text()).append('\n'));
        disk.replace(file, all.toString().getBytes(StandardCharsets.UTF_8));
        close();
        journal = new FileOutputStream(file.toFile(), true);
        lines = 0;
    }

    /** Removes the journal. */
    synchronized void delete() throws IOException {
        close();
        disk.remove(file);
    }

    /** Closes the file; what is in it stays. */
    @Override
    public synchronized void close() throws IOException {
        OutputStream open = journal;
        journal = null;
        if (open != null) {
            open.close();
        }
    }
}
