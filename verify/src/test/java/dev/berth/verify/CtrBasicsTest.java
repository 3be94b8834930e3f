package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
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
