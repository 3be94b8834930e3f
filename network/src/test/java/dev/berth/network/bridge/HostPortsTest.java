package dev.berth.network.bridge;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Ticker;
import dev.berth.linux.Errno;
import dev.berth.linux.LinuxDisk;
import dev.berth.linux.LinuxException;
import dev.berth.linux.netlink.IpPrefix;
import dev.berth.network.PodNetworkRequest.PortMapping;
import dev.berth.network.PodNetworkRequest.Protocol;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Ports that the kernel refuses to close for a while. */
@Timeout(60)
class HostPortsTest implements HostPorts.Rules, Ticker {
    private final List<Duration> pauses = new ArrayList<>();
    private final CountDownLatch mended = new CountDownLatch(1);
    private final Leases leases;
    private final HostPorts ports;
    private int failures;

    HostPortsTest(@TempDir Path folder) throws IOException {
        leases = Leases.open(folder.resolve("leases"), new LinuxDisk());
        leases.change(new Ranges(Ranges.Origin.CONFIGURED, List.of(IpPrefix.parse("10.207.8.0/29"))));
        ports = new HostPorts(this, leases, this);
    }

    @AfterEach
    void close() throws IOException {
        ports.close();
        leases.close();
    }

    private Lease released() {
        Lease lease = leases.take("a", List.of(new PortMapping(Protocol.TCP, 80, 12000, "")));
        leases.release("a");
        return lease;
    }

    @Test
    void areClosedLaterWithNobodyAsking() throws Exception {
        failures = 6;
        ports.close(released());
        assertThat(mended.await(20, TimeUnit.SECONDS)).isTrue();
        ports.settle();
        assertThat(pauses)
                .containsExactly(
                        Duration.ofSeconds(1),
                        Duration.ofSeconds(2),
                        Duration.ofSeconds(4),
                        Duration.ofSeconds(8),
                        Duration.ofSeconds(16),
                        Duration.ofSeconds(32));
    }

    @Test
    void doNotHoldUpTheEndOfTheDaemon() throws Exception {
        failures = Integer.MAX_VALUE;
        ports.close(released());
        ports.settle();
        assertThat(ports.isStale()).isTrue();
    }

    @Override
    public synchronized void install(List<IpPrefix> subnets, Collection<Lease> all) throws LinuxException {
        fail();
        mended.countDown();
    }

    @Override
    public void open(Lease lease) {}

    @Override
    public synchronized void close(Lease lease) throws LinuxException {
        fail();
    }

    private void fail() throws LinuxException {
        if (failures > 0) {
            failures--;
            throw new LinuxException("close a port", Errno.EBUSY);
        }
    }

    @Override
    public void uninstall() {}

    @Override
    public long nanos() {
        return 0;
    }

    @Override
    public synchronized void sleep(Duration time) throws InterruptedException {
        if (failures > 1_000) {
            new CountDownLatch(1).await(); // until it is interrupted
        }
        pauses.add(time);
    }
}
