package dev.berth.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.images.registry.Credentials;
import dev.berth.images.registry.Credentials.Login;
import dev.berth.kernel.Fault;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RegistryLoginsTest {
    @TempDir
    Path folder;

    private Credentials logins(String toml) throws IOException {
        Config config = Config.read(Files.writeString(folder.resolve("berth.toml"), toml));
        assertThat(config.toString()).doesNotContain("hidden");
        return RegistryLogins.of(config.registry());
    }

    private static Credentials.Asked by(String host) {
        return new Credentials.Asked(host, host, "team/app", false);
    }

    @Test
    void eachKindForItsHost() throws IOException {
        Path password = Files.writeString(folder.resolve("password"), "from a file\n");
        Path docker = Files.writeString(
                folder.resolve("config.json"), "{\"auths\":{\"d.example\":{\"username\":\"d\",\"password\":\"p\"}}}");
        Credentials logins = logins("[registry]\ndocker_config = \"" + docker + "\"\n"
                + "[registry.login.\"a.example:5000\"]\nusername = \"a\"\npassword = \"hidden\"\n"
                + "[registry.login.\"b.example\"]\nusername = \"b\"\npassword_file = \"" + password + "\"\n"
                + "[registry.login.\"c.example/team\"]\nidentity_token = \"hidden\"\n"
                + "[registry.login.\"c.example/other\"]\nregistry_token = \"hidden\"\n");
        assertThat(logins.login(by("a.example:5000"))).contains(new Login.Password("a", "hidden"));
        assertThat(logins.login(by("a.example"))).isEmpty();
        assertThat(logins.login(by("b.example"))).contains(new Login.Password("b", "from a file"));
        assertThat(logins.login(by("c.example"))).contains(new Login.IdentityToken("hidden"));
        assertThat(logins.login(by("d.example"))).contains(new Login.Password("d", "p"));
    }

    @Test
    void refusesWhatIsNoLogin() {
        for (String wrong : new String[] {
            "username = \"a\"", "password = \"p\"", "username = \"a\"\npassword = \"p\"\nidentity_token = \"t\""
        }) {
            assertThatThrownBy(() -> logins("[registry.login.\"a.example\"]\n" + wrong))
                    .isInstanceOfSatisfying(
                            Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT))
                    .hasMessageContaining("registry.login.\"a.example\"");
        }
    }

    @Test
    void theLoginOfTheClosestPathCounts() throws IOException {
        Credentials logins = logins("""
                [registry.login."https://r.example"]
                username = "all"
                password = "1"
                [registry.login."r.example/team"]
                username = "team"
                password = "2"
                """);
        assertThat(logins.login(by("r.example"))).contains(new Login.Password("team", "2"));
        assertThat(logins.login(new Credentials.Asked("r.example", "r.example", "teamwork/app", false)))
                .contains(new Login.Password("all", "1"));
    }

    @Test
    void aLoginForNobodyIsRefused() {
        for (String nobody : new String[] {"", "https://", "https:///team"}) {
            assertThatThrownBy(
                            () -> logins("[registry.login.\"" + nobody + "\"]\nusername = \"a\"\npassword = \"b\"\n"))
                    .isInstanceOfSatisfying(
                            Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT))
                    .hasMessageContaining("Name its host");
        }
    }
}
