package dev.berth.cri.grpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.images.registry.Credentials;
import dev.berth.images.registry.Credentials.Login;
import dev.berth.kernel.Fault;
import dev.berth.wire.cri.AuthConfig;
import org.junit.jupiter.api.Test;

/** Each field of a login that comes with a pull. */
class CallerLoginTest {
    private static AuthConfig.Builder auth() {
        return AuthConfig.newBuilder();
    }

    @Test
    void eachKindIsUnderstood() {
        var pair = Credentials.of("", new Login.Password("me", "secret"));
        assertThat(CallerLogin.of(auth().setUsername("me").setPassword("secret").build()))
                .isEqualTo(pair);
        assertThat(CallerLogin.of(auth().setAuth("bWU6c2VjcmV0").build())).isEqualTo(pair);
        assertThat(CallerLogin.of(auth().setAuth("bWU6c2Vj\ncmV0\r\n").build())).isEqualTo(pair);
        assertThat(CallerLogin.of(auth().setIdentityToken("i").build()))
                .isEqualTo(Credentials.of("", new Login.IdentityToken("i")));
        assertThat(CallerLogin.of(auth().setRegistryToken("r").build()))
                .isEqualTo(Credentials.of("", new Login.RegistryToken("r")));
        assertThat(CallerLogin.of(auth().build())).isEqualTo(Credentials.ANONYMOUS);
        assertThatThrownBy(() -> CallerLogin.of(auth().setAuth("%").build())).isInstanceOf(Fault.class);
    }

    @Test
    void aServerThatIsNamedAloneSeesIt() {
        AuthConfig given = auth().setRegistryToken("r")
                .setServerAddress("https://one.example/v2/")
                .build();
        Credentials login = CallerLogin.of(given);
        assertThat(login.login(new Credentials.Asked("one.example", "one.example", "a", false)))
                .isPresent();
        assertThat(login.login(new Credentials.Asked("two.example", "two.example", "a", false)))
                .isEmpty();
    }
}
