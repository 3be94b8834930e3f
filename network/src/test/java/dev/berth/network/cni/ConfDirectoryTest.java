package dev.berth.network.cni;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConfDirectoryTest {
    private static final String GOOD = "{\"cniVersion\":\"1.0.0\",\"name\":\"%s\",\"plugins\":[{\"type\":\"bridge\"}]}";

    @TempDir
    Path temp;

    @Test
    void anEmptyOrMissingDirectorySaysWhatToDo() {
        assertThat(nothing(temp).message())
                .startsWith("no network config found in " + temp)
                .contains("Install a CNI network")
                .contains("network.mode = \"builtin\"");
        assertThat(nothing(temp.resolve("none")).reason()).isEqualTo("NoCniConfig");
    }

    @Test
    void theFirstRightFileByNameCounts() throws IOException {
        write("20-b.conflist", GOOD.formatted("b"));
        write("10-a.conflist", GOOD.formatted("a"));
        write("00-readme.txt", "no");
        Files.createDirectory(temp.resolve("05-directory.conf"));
        assertThat(network().list().name()).isEqualTo("a");
        assertThat(network().ignored()).isEmpty();
    }

    @Test
    void aWrongFileIsNamedWithItsMistakeAndLeftOut() throws IOException {
        write("10-a.conflist", "{\"cniVersion\":\"1.0.0\",\n\"name\":\"a\" \"plugins\":[]}");
        assertThat(nothing(temp).reason()).isEqualTo("BrokenCniConfig");
        assertThat(nothing(temp).message())
                .contains(temp.resolve("10-a.conflist").toString())
                .contains("line 2")
                .contains("Correct or remove the file");
        write("20-b.conflist", GOOD.formatted("b"));
        assertThat(network().list().name()).isEqualTo("b");
        assertThat(network().ignored()).contains("10-a.conflist");
    }

    @Test
    void aChangeIsSeenAtTheNextLook() throws IOException {
        var directory = new ConfDirectory(temp);
        assertThat(directory.read()).isInstanceOf(ConfDirectory.Found.Nothing.class);
        write("10-a.conflist", GOOD.formatted("a"));
        ConfDirectory.Found first = directory.read();
        assertThat(first).isInstanceOf(ConfDirectory.Found.Network.class).isSameAs(directory.read());
        // Replaced as installers do it, by a file of the same name and size.
        Path fresh = temp.resolve("fresh");
        Files.writeString(fresh, GOOD.formatted("c"));
        Files.move(fresh, temp.resolve("10-a.conflist"), java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        assertThat(((ConfDirectory.Found.Network) directory.read()).list().name())
                .isEqualTo("c");
        Files.delete(temp.resolve("10-a.conflist"));
        assertThat(directory.read()).isInstanceOf(ConfDirectory.Found.Nothing.class);
    }

    @Test
    void aPluginAloneIsAListOfOne() throws IOException {
        write("10-a.conf", "{\"cniVersion\":\"0.3.1\",\"name\":\"a\",\"type\":\"bridge\",\"mtu\":1400}");
        NetworkList list = network().list();
        assertThat(list.version()).isEqualTo(CniVersion.V0_3_1);
        assertThat(list.types()).containsExactly("bridge");
        assertThat(list.checks()).isFalse();
        assertThat(list.configOf(list.plugins().getFirst()).toString()).contains("\"mtu\":1400");
    }

    @Test
    void theNewestVersionOfferedThatWeKnowIsSpoken() throws IOException {
        write(
                "10-a.conflist",
                "{\"cniVersion\":\"0.4.0\",\"cniVersions\":[\"0.4.0\",\"1.1.0\",\"9.0.0\"],"
                        + "\"name\":\"a\",\"plugins\":[{\"type\":\"bridge\"}]}");
        assertThat(network().list().version()).isEqualTo(CniVersion.V1_1_0);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"name\":\"a\",\"plugins\":[{\"type\":\"x\"}]} | no cniVersion",
                "{\"cniVersion\":\"0.2.0\",\"name\":\"a\",\"plugins\":[{\"type\":\"x\"}]} | 0.2.0",
                "{\"cniVersion\":\"1.0.0\",\"plugins\":[{\"type\":\"x\"}]} | no name",
                "{\"cniVersion\":\"1.0.0\",\"name\":\"a/b\",\"plugins\":[{\"type\":\"x\"}]} | not a name",
                "{\"cniVersion\":\"1.0.0\",\"name\":\"a\",\"plugins\":[]} | no plugins",
                "{\"cniVersion\":\"1.0.0\",\"name\":\"a\"} | no plugins",
                "{\"cniVersion\":\"1.0.0\",\"name\":\"a\",\"plugins\":[{}]} | no type",
                "{\"cniVersion\":\"1.0.0\",\"name\":\"a\",\"plugins\":[{\"type\":\"../../bin/sh\"}]} | not the name of a plugin",
                "[] | not a JSON object"
            })
    void mistakes(String json, String said) throws IOException {
        write("10-a.conflist", json);
        assertThat(nothing(temp).message()).contains(said);
    }

    private void write(String name, String text) throws IOException {
        Files.writeString(temp.resolve(name), text);
    }

    private ConfDirectory.Found.Network network() {
        return (ConfDirectory.Found.Network) new ConfDirectory(temp).read();
    }

    private static ConfDirectory.Found.Nothing nothing(Path directory) {
        return (ConfDirectory.Found.Nothing) new ConfDirectory(directory).read();
    }
}
