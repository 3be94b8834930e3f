package dev.berth.services;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.images.registry.Access;
import dev.berth.images.registry.Credentials;
import dev.berth.images.registry.Credentials.Login;
import dev.berth.kernel.Fault;
import dev.berth.oci.Digest;
import dev.berth.wire.containerd.transfertypes.OCIRegistry;
import dev.berth.wire.containerd.transfertypes.RegistryResolver;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RegistryOfCallTest {
    private static final String HEX = "0000000000000000000000000000000000000000000000000000000000000000";

    private static Access access(RegistryResolver.Builder resolver) {
        OCIRegistry registry = OCIRegistry.newBuilder()
                .setReference("reg.example/app:1")
                .setResolver(resolver)
                .build();
        return RegistryOfCall.access(registry, Credentials.ANONYMOUS);
    }

    private static void refused(RegistryResolver.Builder resolver, String why) {
        assertThatThrownBy(() -> access(resolver))
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT))
                .hasMessageContaining(why);
    }

    @Test
    void whatACallSays() {
        assertThat(access(RegistryResolver.newBuilder())).isEqualTo(Access.ANONYMOUS);
        Access said = access(RegistryResolver.newBuilder()
                .setHostDir("/etc/mine")
                .setDefaultScheme("http")
                .putHeaders("x-team", "a"));
        assertThat(said.hosts()).contains(Path.of("/etc/mine"));
        assertThat(said.scheme()).isEqualTo(Access.Scheme.HTTP);
        assertThat(said.headers()).containsEntry("x-team", "a");
        refused(RegistryResolver.newBuilder().setHostDir("mine"), "no absolute path");
        refused(RegistryResolver.newBuilder().setDefaultScheme("ftp"), "neither http nor https");
    }

    private static OCIRegistry named(String reference) {
        return OCIRegistry.newBuilder().setReference(reference).build();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "docker.io/library/busybox:1",
                "localhost/a:1",
                "host:5000/a/b:1",
                "127.0.0.1:5000/a@sha256:" + HEX
            })
    void wholeNames(String name) {
        assertThat(RegistryOfCall.reference(named(name)).toString()).isEqualTo(name);
    }

    /** ctr gives names as they are typed, and they become the image's. */
    @ParameterizedTest
    @ValueSource(
            strings = {"", "busybox", "busybox:1", "library/busybox:1", "docker.io/library/busybox", "host:5000/a"})
    void namesThatLackSomething(String name) {
        assertThatThrownBy(() -> RegistryOfCall.reference(named(name)))
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT));
    }

    /** Docker Hub is asked only if it is named, and no tag is moved that nobody named. */
    @Test
    void whereSomethingIsPushed() {
        Optional<Digest> digest = Optional.of(Digest.parse("sha256:" + HEX));
        for (String name : List.of("host:5000/a:1", "host:5000/a@sha256:" + HEX)) {
            assertThat(RegistryOfCall.destination(named(name), Optional.empty()).toString())
                    .isEqualTo(name);
        }
        assertThat(RegistryOfCall.destination(named("host:5000/a"), digest).toString())
                .isEqualTo("host:5000/a@sha256:" + HEX);
        for (String name : List.of("", "busybox", "busybox:1", "library/busybox:1")) {
            assertThatThrownBy(() -> RegistryOfCall.destination(named(name), digest))
                    .isInstanceOfSatisfying(
                            Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT));
        }
        assertThatThrownBy(() -> RegistryOfCall.destination(named("host:5000/a"), Optional.empty()))
                .hasMessageContaining("neither a tag nor a digest");
    }

    @Test
    void headersThatAreLogins() {
        assertThat(AskedCredentials.header("h", "Bearer abc")).isEqualTo(new Login.RegistryToken("abc"));
        assertThat(AskedCredentials.header("h", "basic bWU6c2U6Y3JldA=="))
                .isEqualTo(new Login.Password("me", "se:cret"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "Bearer", "Basic %%%", "Basic bWU=", "Digest a"})
    void headersThatAreNone(String header) {
        assertThatThrownBy(() -> AskedCredentials.header("h", header)).hasMessageContaining("log in to h");
    }
}
