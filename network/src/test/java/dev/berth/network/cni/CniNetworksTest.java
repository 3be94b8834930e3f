package dev.berth.network.cni;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Disk;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.linux.LinuxDisk;
import dev.berth.linux.netlink.IpPrefix;
import dev.berth.network.Attachment;
import dev.berth.network.Bandwidth;
import dev.berth.network.PodNetworkRequest;
import dev.berth.network.PodNetworkRequest.PortMapping;
import dev.berth.network.PodNetworkRequest.Protocol;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** With stand-ins for plugins, which fail at every step. */
class CniNetworksTest {
    private static final String LIST = """
            {"cniVersion":"1.0.0","name":"net","plugins":[
              {"type":"one","ipam":{"big":18446744073709551615,"none":null}},
              {"type":"two","capabilities":{"portMappings":true,"bandwidth":true,"dns":true,"ips":true,"mac":true,
                 "ipRanges":true,"io.kubernetes.cri.pod-annotations":true,"unknown":true}},
              {"type":"three","capabilities":{"portMappings":false}}]}""";

    @TempDir
    Path temp;

    private StandIns plugins;
    private CniNetworks network;

    @BeforeEach
    void setUp() throws IOException {
        plugins = new StandIns(temp.resolve("bin"), "one", "two", "three");
        configure(LIST);
        network = open();
    }

    private void configure(String list) throws IOException {
        Files.createDirectories(temp.resolve("conf"));
        Files.writeString(temp.resolve("conf/10-net.conflist"), list);
    }

    private CniNetworks open() throws IOException {
        return open(new LinuxDisk());
    }

    private CniNetworks open(Disk disk) throws IOException {
        return open(disk, Duration.ofMinutes(1));
    }

    private CniNetworks open(Disk disk, Duration limit) throws IOException {
        return CniNetworks.open(
                new CniConfig(
                        temp.resolve("conf"),
                        List.of(temp.resolve("nowhere"), plugins.directory()),
                        temp.resolve("cache"),
                        limit),
                disk,
                Ticker.system());
    }

    @Test
    void pluginsRunDownTheListForAddAndUpForDelete() throws Exception {
        Attachment attachment = network.attach(request("a"));
        assertThat(attachment.ips()).containsExactly("10.1.0.9/16");
        assertThat(network.find("a")).contains(attachment);
        network.check(request("a"));
        network.detach(request("a"));
        network.detach(request("a"));

        assertThat(plugins.calls())
                .containsExactly(
                        "ADD one",
                        "ADD two",
                        "ADD three",
                        "CHECK one",
                        "CHECK two",
                        "CHECK three",
                        "DEL three",
                        "DEL two",
                        "DEL one");
        assertThat(network.find("a")).isEmpty();
        assertThat(temp.resolve("cache/results")).isEmptyDirectory();
    }

    @Test
    void pluginsAreToldWhoThePodIs() throws Exception {
        network.attach(request("a"));

        assertThat(plugins.details().getFirst())
                .isEqualTo("ADD one|a|" + temp + "|eth0|IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=pod-a;"
                        + "K8S_POD_INFRA_CONTAINER_ID=a;K8S_POD_UID=uid-a");
    }

    @Test
    void configsPassThroughWithTheResultSoFarAndTheCapabilitiesThatWereDeclared() throws Exception {
        network.updatePodCidr(List.of(IpPrefix.parse("10.5.0.0/24")));
        network.attach(rich("a"));

        JsonObject one = plugins.stdin("ADD", "one");
        assertThat(one.text("cniVersion")).isEqualTo("1.0.0");
        assertThat(one.text("name")).isEqualTo("net");
        assertThat(one.object("ipam")).hasToString("{\"big\":18446744073709551615,\"none\":null}");
        assertThat(one.has("prevResult")).isFalse();
        assertThat(one.has("runtimeConfig")).isFalse();
        JsonObject two = plugins.stdin("ADD", "two");
        assertThat(two.object("prevResult").text("by")).isEqualTo("one");
        assertThat(two.object("runtimeConfig"))
                .hasToString("{\"portMappings\":[{\"hostPort\":12000,\"containerPort\":80,\"protocol\":\"udp\","
                        + "\"hostIP\":\"127.0.0.1\"}],"
                        + "\"bandwidth\":{\"ingressRate\":1000000,\"ingressBurst\":2147483647},"
                        + "\"dns\":{\"servers\":[\"10.0.0.10\"],\"searches\":[\"s\"],\"options\":[\"ndots:5\"]},"
                        + "\"ips\":[\"10.1.0.7/16\"],\"mac\":\"0a:00:00:00:00:01\","
                        + "\"ipRanges\":[[{\"subnet\":\"10.5.0.0/24\"}]],"
                        + "\"io.kubernetes.cri.pod-annotations\":{\"k\":\"v \\\" ;\"}}");
        assertThat(plugins.stdin("ADD", "three").has("runtimeConfig")).isFalse();
        network.detach(request("a"));
        assertThat(plugins.stdin("DEL", "two").object("prevResult").text("by")).isEqualTo("three");
        assertThat(plugins.stdin("DEL", "two").object("runtimeConfig")).isEqualTo(two.object("runtimeConfig"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"one", "two", "three"})
    void whenAnAddFailsAllIsDeletedAndNothingIsRemembered(String failing) throws Exception {
        plugins.when("ADD", failing, "echo '{\"code\":7,\"msg\":\"bad config\",\"details\":\"no bridge\"}'; exit 1");

        assertThatThrownBy(() -> network.attach(request("a")))
                .isInstanceOfSatisfying(Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.INTERNAL))
                .hasMessageStartingWith("CNI plugin " + failing + " ADD: bad config: no bridge (CNI error 7)");
        assertThat(plugins.calls()).endsWith("DEL three", "DEL two", "DEL one");
        assertThat(network.find("a")).isEmpty();
        assertThat(temp.resolve("cache/results")).isEmptyDirectory();
    }

    @ParameterizedTest
    @ValueSource(strings = {"one", "two", "three"})
    void whenADeleteFailsTheOthersRunAndItIsTriedAgain(String failing) throws Exception {
        network.attach(request("a"));
        plugins.when("DEL", failing, "echo oops >&2; exit 3");

        assertThatThrownBy(() -> network.detach(request("a")))
                .isInstanceOf(Fault.class)
                .hasMessageStartingWith("CNI plugin " + failing + " DEL: it ended with code 3; it said: oops");
        assertThat(plugins.calls()).endsWith("DEL three", "DEL two", "DEL one");
        plugins.succeed("DEL", failing);
        plugins.forget();
        network.detach(request("a"));
        assertThat(plugins.calls()).containsExactly("DEL three", "DEL two", "DEL one");
        assertThat(temp.resolve("cache/results")).isEmptyDirectory();
    }

    @Test
    void whenBothAddAndItsDeleteFailTheDeleteCanBeTriedAgain() throws Exception {
        plugins.when("ADD", "two", "exit 1");
        plugins.when("DEL", "one", "exit 1");
        assertThatThrownBy(() -> network.attach(request("a")))
                .hasMessageContaining("two ADD")
                .satisfies(e -> assertThat(e.getSuppressed()).hasSize(1));
        plugins.succeed("DEL", "one");
        plugins.forget();
        network.detach(request("a"));
        assertThat(plugins.calls()).containsExactly("DEL three", "DEL two", "DEL one");
    }

    /** Else the pod could not be removed for ever, and nobody could use its name. */
    @Test
    void whoCorrectsAConfigGetsRidOfThePodsThatFailedByIt() throws Exception {
        plugins.when("ADD", "two", "exit 1");
        plugins.when("DEL", "two", "case \"$input\" in *corrected*) exit 0 ;; esac; exit 1");
        assertThatThrownBy(() -> network.attach(request("a"))).hasMessageContaining("two ADD");
        assertThatThrownBy(() -> network.detach(request("a"))).hasMessageContaining("two DEL");

        configure(LIST.replace("\"type\":\"two\"", "\"type\":\"two\",\"corrected\":true"));
        network.detach(request("a"));
        assertThat(temp.resolve("cache/results")).isEmptyDirectory();
    }

    /** The plugin firewall finds its rules by the addresses in the result, and has others than those of its own ADD to ask. */
    @Test
    void whenAnAddFailsTheDeletesAreToldWhatIsKnownSoFar() throws Exception {
        plugins.when("ADD", "three", "exit 1");
        assertThatThrownBy(() -> network.attach(request("a"))).hasMessageContaining("three ADD");
        for (String type : List.of("one", "two", "three")) {
            assertThat(plugins.stdin("DEL", type).object("prevResult").text("by"))
                    .isEqualTo("two");
        }
        assertThat(temp.resolve("cache/results")).isEmptyDirectory();

        plugins.when("ADD", "one", "exit 1");
        assertThatThrownBy(() -> network.attach(request("b"))).hasMessageContaining("one ADD");
        assertThat(plugins.stdin("DEL", "two").has("prevResult")).isFalse();
    }

    @Test
    void aPluginThatDoesNotSpeakTheVersionHasNothingToTakeAway() throws Exception {
        String refusal = "echo '{\"code\":1,\"msg\":\"incompatible CNI versions\"}'; exit 1";
        plugins.when("ADD", "two", refusal);
        plugins.when("DEL", "two", refusal);
        plugins.when("VERSION", "two", "echo '{\"cniVersion\":\"1.0.0\",\"supportedVersions\":[\"0.4.0\"]}'; exit 0");
        assertThatThrownBy(() -> network.attach(request("a")))
                .hasMessageContaining("two ADD: incompatible CNI versions")
                .satisfies(e -> assertThat(e.getSuppressed()).isEmpty());
        assertThat(temp.resolve("cache/results")).isEmptyDirectory();
    }

    /** A cluster goes from one network to another: the pods of before can end. */
    @Test
    void aPluginThatIsUninstalledAndNamedNoMoreHoldsUpNoFarewell() throws Exception {
        network.attach(request("a"));
        Files.delete(plugins.directory().resolve("two"));
        plugins.forget();
        assertThatThrownBy(() -> network.detach(request("a"))).hasMessageContaining("there is no program two");

        configure("{\"cniVersion\":\"1.0.0\",\"name\":\"other\",\"plugins\":[{\"type\":\"one\"}]}");
        plugins.forget();
        network.detach(request("a"));
        assertThat(plugins.calls()).containsExactly("DEL three", "DEL one");
        assertThat(temp.resolve("cache/results")).isEmptyDirectory();
    }

    @Test
    void aDeleteUsesTheConfigurationOfItsAddAfterARestart() throws Exception {
        network.attach(request("a"));
        configure("{\"cniVersion\":\"0.3.1\",\"name\":\"other\",\"plugins\":[{\"type\":\"one\"}]}");
        plugins.forget();

        CniNetworks next = open();
        assertThat(next.find("a").orElseThrow().ips()).containsExactly("10.1.0.9/16");
        next.detach(request("a"));
        assertThat(plugins.calls()).containsExactly("DEL three", "DEL two", "DEL one");
        assertThat(plugins.stdin("DEL", "one").text("name")).isEqualTo("net");
    }

    @Test
    void anAddThatWasBrokenOffIsDeletedBeforeTheNext() throws Exception {
        network.attach(request("a"));
        plugins.forget();
        network.attach(request("a"));
        assertThat(plugins.calls())
                .containsExactly("DEL three", "DEL two", "DEL one", "ADD one", "ADD two", "ADD three");
    }

    @Test
    void theIntentIsOnTheDiskBeforeThePluginsRunAndOutlivesATornResult() throws Exception {
        List<String> calls = new ArrayList<>();
        Disk real = new LinuxDisk();
        network = open((Disk) Proxy.newProxyInstance(
                Disk.class.getClassLoader(), new Class<?>[] {Disk.class}, (_, method, arguments) -> {
                    if (method.getName().equals("replace")) {
                        calls.add(((Path) arguments[0]).getFileName() + " after " + plugins.calls());
                    }
                    return method.invoke(real, arguments);
                }));
        network.attach(request("a"));
        assertThat(calls).containsExactly("a.json after []");

        Files.write(temp.resolve("cache/results/a.result"), new byte[0]); // a power loss
        network = open();
        network.retainOnly(Set.of());
        assertThat(plugins.calls()).endsWith("DEL three", "DEL two", "DEL one");
        assertThat(temp.resolve("cache/results")).isEmptyDirectory();
    }

    @Test
    void theDeadAreDroppedAndTheLivingKept() throws Exception {
        network.attach(request("a"));
        network.attach(request("b"));
        Files.write(temp.resolve("cache/results/torn.json"), new byte[0]);
        plugins.forget();
        assertThat(open().retainOnly(Set.of("b"))).isEmpty();
        assertThat(plugins.details()).hasSize(3).allMatch(line -> line.contains("|a|"));
        assertThat(temp.resolve("cache/results")).isDirectoryNotContaining("glob:**torn*");
        plugins.when("DEL", "one", "exit 1");
        assertThat(network.retainOnly(Set.of())).containsOnlyKeys("b");
        assertThat(network.find("b")).isPresent();
    }

    @Test
    void aPodWhoseNamespaceIsGoneIsDeletedWithoutOne() throws Exception {
        network.attach(request("a"));
        plugins.forget();
        Path gone = temp.resolve("gone");
        Files.createFile(gone);
        network.attach(PodNetworkRequest.plain("b", "n", "ns", "u", gone.toString()));
        Files.delete(gone);
        plugins.forget();
        network.detach(PodNetworkRequest.plain("b", "n", "ns", "u", gone.toString()));
        assertThat(plugins.details()).allMatch(line -> line.contains("|b||eth0|"));
    }

    @Test
    void resultsAreConvertedForListsOfOldVersions() throws Exception {
        configure("{\"cniVersion\":\"0.3.1\",\"name\":\"old\",\"plugins\":[{\"type\":\"one\"},{\"type\":\"two\"}]}");
        network.attach(request("a"));
        JsonObject previous = plugins.stdin("ADD", "two").object("prevResult");
        assertThat(previous.text("cniVersion")).isEqualTo("0.3.1");
        assertThat(previous.objects("ips").getFirst().text("version")).isEqualTo("4");
        plugins.forget();
        network.check(request("a")); // there is none in this version
        network.detach(request("a"));
        assertThat(plugins.calls()).containsExactly("DEL two", "DEL one");
        assertThat(plugins.stdin("DEL", "one").has("prevResult")).isFalse();
    }

    @Test
    @Timeout(300)
    void aPluginThatHangsIsKilledWithItsChildren() throws Exception {
        plugins.when("ADD", "two", "echo waiting >&2; sleep 1000 & echo $! > " + temp + "/pid; sleep 1000");
        CniNetworks impatient = open(new LinuxDisk(), Duration.ofSeconds(2));
        assertThatThrownBy(() -> impatient.attach(request("a")))
                .isInstanceOfSatisfying(Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.DEADLINE_EXCEEDED))
                .hasMessageContaining("did not end within 2 s")
                .hasMessageContaining("waiting");
        long pid = Long.parseLong(Files.readString(temp.resolve("pid")).strip());
        while (ProcessHandle.of(pid).filter(p -> p.info().command().isPresent()).isPresent()) { // it is being killed
            Ticker.system().sleep(Duration.ofMillis(5));
        }
        assertThat(plugins.calls()).endsWith("DEL one");
    }

    @Test
    @Timeout(300)
    void aChildThatHoldsThePipesDoesNotHoldUs() throws Exception {
        plugins.when("ADD", "three", "setsid sleep 5 &");
        assertThat(network.attach(request("a")).ips()).containsExactly("10.1.0.9/16");
    }

    @Test
    @Timeout(300)
    void endlessOutputIsCutOff() throws Exception {
        plugins.when("ADD", "one", "head -c 3000000 /dev/zero; exit 0");
        assertThatThrownBy(() -> network.attach(request("a"))).hasMessageContaining("more than a result can have");
        plugins.when("ADD", "one", "head -c 3000000 /dev/zero >&2; exit 1");
        assertThatThrownBy(() -> network.attach(request("a")))
                .satisfies(e -> assertThat(String.valueOf(e.getMessage())).hasSizeLessThan(2000));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "hello", "[]", "{\"cniVersion\":\"9.9.9\"}", "{\"cniVersion\":\"1.0.0\",\"ips\":[]}"})
    void anAnswerThatIsNoneIsRefusedAndUndone(String answer) throws Exception {
        plugins.when("ADD", "three", "printf '%s' '" + answer + "'; exit 0");
        assertThatThrownBy(() -> network.attach(request("a"))).isInstanceOf(Fault.class);
        assertThat(plugins.calls()).endsWith("DEL three", "DEL two", "DEL one");
        assertThat(network.find("a")).isEmpty();
    }

    @Test
    void aPluginThatAsksToBeTriedLaterIsUnavailable() throws Exception {
        plugins.when("ADD", "one", "echo '{\"code\":11,\"msg\":\"not yet\"}'; exit 1");
        assertThatThrownBy(() -> network.attach(request("a")))
                .isInstanceOfSatisfying(Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.UNAVAILABLE));
    }

    @Test
    void aMissingPluginIsToldByTheStateAndByTheAttempt() throws Exception {
        Files.delete(plugins.directory().resolve("two"));
        assertThat(network.state().ready()).isFalse();
        assertThat(network.state().message()).contains("plugin two").contains("network.bin_dirs");
        assertThatThrownBy(() -> network.attach(request("a")))
                .isInstanceOfSatisfying(
                        Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.FAILED_PRECONDITION));
    }

    @Test
    void withoutAConfigNothingIsReady() throws Exception {
        assertThat(network.state().ready()).isTrue();
        Files.delete(temp.resolve("conf/10-net.conflist"));
        assertThat(network.state().ready()).isFalse();
        assertThat(network.state().message()).contains("no network config found in " + temp.resolve("conf"));
        assertThatThrownBy(() -> network.attach(request("a")))
                .isInstanceOfSatisfying(Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.UNAVAILABLE));
        assertThat(plugins.calls()).isEmpty();
    }

    @Test
    void statusAndGarbageCollectionOfVersion11() throws Exception {
        configure(LIST.replace("1.0.0", "1.1.0"));
        plugins.when("STATUS", "two", "echo '{\"code\":50,\"msg\":\"agent is down\"}'; exit 1");
        assertThat(network.state().ready()).isFalse();
        assertThat(network.state().message()).contains("agent is down");
        assertThat(plugins.calls())
                .containsExactly("STATUS one", "STATUS two"); // the second answer is of the first asking
        plugins.succeed("STATUS", "two");
        assertThat(open().state().ready()).isTrue();
        network.attach(request("a"));
        plugins.forget();
        network.retainOnly(Set.of("a"));
        assertThat(plugins.calls()).containsExactly("GC one", "GC two", "GC three");
        assertThat(plugins.stdin("GC", "one").toString())
                .contains("\"cni.dev/valid-attachments\":[{\"containerID\":\"a\",\"ifname\":\"eth0\"}]");
    }

    @ParameterizedTest
    @ValueSource(strings = {"x;K8S_POD_NAME=other", "a=b", "a b", "line\nbreak", "é"})
    void namesThatCouldBeTakenForSomethingElseAreRefused(String name) throws Exception {
        assertThatThrownBy(() -> network.attach(PodNetworkRequest.plain("a", name, "ns", "u", temp.toString())))
                .isInstanceOfSatisfying(Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT));
        assertThatThrownBy(() -> network.attach(PodNetworkRequest.plain("../a", "n", "ns", "u", temp.toString())))
                .isInstanceOf(Fault.class);
        assertThat(plugins.calls()).isEmpty();
    }

    @Test
    void checkOfWhatIsNotAttached() {
        assertThatThrownBy(() -> network.check(request("a")))
                .isInstanceOfSatisfying(Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.NOT_FOUND));
    }

    @Test
    void theClustersRangesSurviveARestart() throws Exception {
        network.updatePodCidr(List.of(IpPrefix.parse("10.5.0.0/24"), IpPrefix.parse("fd00::/64")));
        open().attach(request("a"));
        assertThat(plugins.stdin("ADD", "two").object("runtimeConfig").toString())
                .contains("[[{\"subnet\":\"10.5.0.0/24\"}],[{\"subnet\":\"fd00::/64\"}]]");
    }

    private PodNetworkRequest request(String id) {
        return PodNetworkRequest.plain(id, "pod-" + id, "ns", "uid-" + id, temp.toString());
    }

    private PodNetworkRequest rich(String id) {
        return new PodNetworkRequest(
                id,
                "pod",
                "ns",
                "uid",
                temp.toString(),
                List.of(
                        new PortMapping(Protocol.UDP, 80, 12000, "127.0.0.1"),
                        new PortMapping(Protocol.TCP, 81, 0, "")),
                new Bandwidth(1_000_000, 0),
                new PodNetworkRequest.Dns(List.of("10.0.0.10"), List.of("s"), List.of("ndots:5")),
                Map.of("k", "v \" ;"),
                "",
                List.of("10.1.0.7/16"),
                "0a:00:00:00:00:01");
    }
}
