package dev.berth.network.bridge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import dev.berth.linux.LinuxDisk;
import dev.berth.linux.netlink.IpPrefix;
import dev.berth.network.PodNetworkRequest.PortMapping;
import dev.berth.network.PodNetworkRequest.Protocol;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LeasesTest {
    private static final IpPrefix V4 = IpPrefix.parse("10.207.8.0/29");
    private static final IpPrefix V6 = IpPrefix.parse("fd00:207::/64");

    @TempDir
    Path temp;

    private Path file;

    @BeforeEach
    void setUp() {
        file = temp.resolve("leases");
    }

    private Leases open(IpPrefix... subnets) throws IOException {
        Leases leases = Leases.open(file, new LinuxDisk());
        if (subnets.length > 0) {
            leases.change(new Ranges(Ranges.Origin.CONFIGURED, List.of(subnets)));
        }
        return leases;
    }

    @Test
    void everyLineReadsBackAsItWasWritten() throws IOException {
        var ports = List.of(
                new PortMapping(Protocol.TCP, 80, 12000, ""),
                new PortMapping(Protocol.SCTP, 1, 65535, "fd00::1"),
                new PortMapping(Protocol.UDP, 53, 53, "127.0.0.1"));
        Lease taken;
        try (Leases leases = open(V4, V6)) {
            taken = leases.take("a", ports);
            leases.take("b", List.of());
            leases.release("b");
        }
        try (Leases leases = open()) {
            assertThat(leases.ranges().subnets()).containsExactly(V4, V6);
            assertThat(leases.all()).containsExactly(taken);
            assertThat(taken.ports()).isEqualTo(ports);
            assertThat(leases.take("c", List.of()).addresses())
                    .containsExactly(IpPrefix.parse("10.207.8.4/29"), IpPrefix.parse("fd00:207::4/64"));
        }
    }

    @Test
    void theOrderOfReleasesSurvivesARestart() throws IOException {
        try (Leases leases = open(V4)) {
            for (String id : List.of("a", "b", "c", "d", "e")) {
                leases.take(id, List.of());
            }
            for (String id : List.of("d", "a", "c")) {
                leases.release(id);
            }
        }
        for (String expected : List.of("10.207.8.5/29", "10.207.8.2/29", "10.207.8.4/29")) {
            try (Leases leases = open()) {
                assertThat(leases.take("x" + expected.charAt(9), List.of()).addresses())
                        .containsExactly(IpPrefix.parse(expected));
            }
        }
        try (Leases leases = open()) {
            assertThatThrownBy(() -> leases.take("y", List.of()))
                    .isInstanceOfSatisfying(
                            Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.RESOURCE_EXHAUSTED));
        }
    }

    @Test
    void linesThatMakeNoSenseAreLeftOut() throws IOException {
        try (Leases leases = open(V4)) {
            leases.take("a", List.of());
        }
        Files.writeString(
                file,
                Files.readString(file)
                        + "\nlease\nranges CHOSEN\nranges\nnext\nnext -9\nreleased -3\nreleased 77\nlease b\nlease b x -\nlease b 10.0.0.1/8 TCP\nranges X y\nnonsense\n"
                        + "next x\n\0\0\0\nlease torn 10.207.8.6/29 -");
        try (Leases leases = open()) {
            assertThat(leases.all()).extracting(Lease::podId).containsExactly("a");
            assertThat(leases.take("b", List.of()).addresses()).containsExactly(IpPrefix.parse("10.207.8.3/29"));
        }
    }

    @Test
    void whateverIsDamagedTheRestIsReadAndNoAddressHasTwoOwners() throws IOException {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        var ports = List.of(new PortMapping(Protocol.TCP, 80, 12000, "127.0.0.1"));
        try (Leases leases = open(V4, V6)) {
            leases.take("a", ports);
            leases.take("b", List.of());
            leases.release("b");
            leases.take("c", List.of());
            leases.release("a");
        }
        byte[] good = Files.readAllBytes(file);
        for (int i = 0; i < 300; i++) {
            Files.write(file, damaged(good, random));
            List<Lease> before;
            try (Leases leases = open(V4, V6)) {
                leases.take("new", List.of());
                before = List.copyOf(leases.all());
                assertThat(before.stream().flatMap(lease -> lease.addresses().stream()))
                        .as("seed %s, round %s", seed, i)
                        .extracting(IpPrefix::address)
                        .doesNotHaveDuplicates();
            }
            try (Leases leases = open()) {
                assertThat(leases.all()).as("seed %s, round %s", seed, i).containsExactlyInAnyOrderElementsOf(before);
            }
        }
    }

    /** With some bytes changed, left out or doubled, digits and separators above all. */
    private static byte[] damaged(byte[] good, Random random) {
        byte[] signs = " ,/:.-0123456789\n".getBytes(StandardCharsets.US_ASCII);
        var bytes = new ByteArrayOutputStream();
        for (byte each : good) {
            switch (random.nextInt(60)) {
                case 0 -> bytes.write(signs[random.nextInt(signs.length)]);
                case 1 -> bytes.write(random.nextInt(256));
                case 2 -> bytes.writeBytes(new byte[] {each, each});
                case 3 -> {}
                default -> bytes.write(each);
            }
        }
        return bytes.toByteArray();
    }

    @Test
    void rangesOfBeforeKeepTheirPodsAndAreNotGivenAgain() throws IOException {
        try (Leases leases = open(IpPrefix.parse("10.207.0.0/16"))) {
            leases.take("a", List.of());
            leases.change(new Ranges(Ranges.Origin.CLUSTER, List.of(IpPrefix.parse("10.207.0.0/24"))));
            assertThat(leases.take("b", List.of()).addresses()).containsExactly(IpPrefix.parse("10.207.0.3/24"));
            leases.release("a");
        }
        try (Leases leases = open()) {
            assertThat(leases.ranges().origin()).isEqualTo(Ranges.Origin.CLUSTER);
            assertThat(leases.take("c", List.of()).addresses()).containsExactly(IpPrefix.parse("10.207.0.4/24"));
        }
    }

    @Test
    void manyPodsNeverShareAndTheJournalStaysSmall() throws IOException {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        IpPrefix subnet = IpPrefix.parse("10.207.0.0/24");
        Set<String> alive = new HashSet<>();
        Leases leases = open(subnet);
        for (int i = 0; i < 20_000; i++) {
            String id = "pod" + random.nextInt(150);
            if (alive.remove(id)) {
                leases.release(id);
            } else {
                alive.add(id);
                leases.take(id, List.of());
            }
            if (i % 4000 == 0) {
                leases.close();
                leases = open();
            }
        }
        assertThat(leases.all()).as("seed " + seed).extracting(Lease::podId).containsExactlyInAnyOrderElementsOf(alive);
        assertThat(leases.all())
                .as("seed " + seed)
                .extracting(l -> l.addresses().getFirst())
                .doesNotHaveDuplicates();
        assertThat(Files.size(file)).isLessThan(5000 * 60);
        leases.close();
    }
}
