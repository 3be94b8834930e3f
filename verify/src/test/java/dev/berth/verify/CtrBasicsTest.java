package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** ctr's commands about the daemon itself and about namespaces, compared with containerd. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class CtrBasicsTest {
    private CtrPair pair;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        pair = CtrPair.start();
    }

    @AfterAll
    void stop() throws IOException {
        if (pair != null) {
            pair.close();
        }
    }

    @Test
    void version() {
        CtrMask[] masks = {CtrMask.SERVER_VERSION, CtrMask.UUID};
        Berth.Result ours = pair.ours().run("version");
        assertThat(CtrPair.masked(ours.text(), masks))
                .isEqualTo(CtrPair.masked(pair.theirs().run("version").text(), masks));
        assertThat(ours.err()).as("ctr's word on a server of another version").contains("version mismatch");
    }

    @Test
    void infoAndDeprecations() {
        String ours = pair.ours().run("info").text();
        assertThat(ours)
                .contains("\"uuid\"", "\"pid\": " + pair.berth().daemon().pid(), "\"pidns\"");
        assertThat(pair.ours().run("info").text()).as("the same daemon").isEqualTo(ours);
        // What containerd finds old-fashioned about this machine is not ours to say.
        assertThat(pair.ours().run("deprecations", "list").text()).isEmpty();
    }

    @Test
    void pluginsAreAmongThoseOfContainerd() {
        String theirs = pair.theirs().run("plugins", "ls").text();
        for (String line : pair.ours().run("plugins", "ls").text().lines().toList()) {
            String name = CtrPair.masked(line);
            if (!line.startsWith("io.containerd.metadata.v1")) { // another database
                assertThat(CtrPair.masked(theirs)).contains(name);
            }
        }
        pair.succeeds("plugins", "ls", "-d", "id==content,type==io.containerd.content.v1");
        pair.succeeds("plugins", "ls", "id==nothing");
        pair.refused("invalid argument", "plugins", "ls", "x=y");
    }

    /** The OCI runtimes of the two may be of different versions, with features of their own. */
    @Test
    void whatARuntimeSaysOfItself() {
        String ours = pair.ours().run("plugins", "inspect-runtime").text();
        String theirs = pair.theirs().run("plugins", "inspect-runtime").text();
        assertThat(topLevel(ours)).isEqualTo(topLevel(theirs));
        assertThat(ours).contains("\"Name\": \"io.containerd.runc.v2\"", "\"ociVersionMin\"", "\"mountOptions\"");
        String[] named = {"plugins", "inspect-runtime", "--runtime", "io.containerd.runc.v2", "--runc-binary"};
        assertThat(pair.ours().run(with(named, "runc")).text()).contains("\"binary_name\": \"runc\"", "ociVersionMin");
        assertThat(pair.ours().run(with(named, "nothing")).err()).contains("no OCI runtime nothing", "not found");
        Berth.Result none = pair.ours().run("plugins", "inspect-runtime", "--runtime", "io.containerd.nothing.v1");
        assertThat(none.exit()).isNotZero();
        assertThat(none.err()).contains("no handler has a shim of this name", "not found");
    }

    private static String[] with(String[] words, String last) {
        return Stream.concat(Stream.of(words), Stream.of(last)).toArray(String[]::new);
    }

    private static List<String> topLevel(String json) {
        return json.lines()
                .filter(line -> line.matches(" {4}\"\\w+\":.*"))
                .map(line -> line.replaceAll(":.*", ""))
                .toList();
    }

    @Test
    void namespacesComeAndGo() {
        pair.succeeds("namespaces", "create", "one", "a=b", "c=d");
        pair.succeeds("namespaces", "ls");
        pair.succeeds("namespaces", "label", "one", "a=", "e=f");
        pair.succeeds("namespaces", "ls");
        pair.refused("already exists", "namespaces", "create", "one");
        pair.refused("invalid argument", "namespaces", "create", "o/n/e");
        pair.succeeds("namespaces", "rm", "one");
        pair.succeeds("namespaces", "ls", "-q");
        pair.same("namespaces", "rm", "one");
    }
}
