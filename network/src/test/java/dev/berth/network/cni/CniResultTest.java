package dev.berth.network.cni;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class CniResultTest {
    private static final String NEWEST = """
            {"cniVersion":"1.1.0",
             "interfaces":[{"name":"cni0","mac":"aa"},{"name":"eth0","mac":"bb","sandbox":"/ns","mtu":1400,"pciID":"1"}],
             "ips":[{"address":"fd00::2/64","interface":1},{"address":"10.1.0.2/16","gateway":"10.1.0.1","interface":1},
                    {"address":"10.9.0.1/16","interface":0}],
             "routes":[{"dst":"0.0.0.0/0","priority":3,"gw":"10.1.0.1"}],
             "dns":{"nameservers":["1.1.1.1"]},"x-own":[null,1e400]}""";

    @Test
    void olderFormsHaveFamiliesAndLackWhatCameLater() {
        JsonObject old = CniResult.convert(read(NEWEST), CniVersion.V0_3_1);

        assertThat(old.text("cniVersion")).isEqualTo("0.3.1");
        assertThat(old.objects("ips")).extracting(ip -> ip.text("version")).containsExactly("6", "4", "4");
        assertThat(old.objects("interfaces").get(1).has("mtu")).isFalse();
        assertThat(old.objects("interfaces").get(1).text("sandbox")).isEqualTo("/ns");
        assertThat(old.objects("routes").getFirst()).hasToString("{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.1.0.1\"}");
        assertThat(old.toString()).contains("\"x-own\":[null,1e400]");
    }

    @Test
    void newerFormsHaveNoFamilies() {
        JsonObject old = CniResult.convert(read(NEWEST), CniVersion.V0_4_0);
        JsonObject back = CniResult.convert(old, CniVersion.V1_1_0);

        assertThat(back.text("cniVersion")).isEqualTo("1.1.0");
        assertThat(back.objects("ips")).noneMatch(ip -> ip.has("version"));
        assertThat(CniResult.convert(read(NEWEST), CniVersion.V1_1_0)).isEqualTo(read(NEWEST));
    }

    @Test
    void aResultWithoutVersionHasThatOfTheList() {
        assertThat(CniResult.convert(read("{\"ips\":[]}"), CniVersion.V1_0_0).text("cniVersion"))
                .isEqualTo("1.0.0");
        assertThatThrownBy(() -> CniResult.convert(read("{\"cniVersion\":\"7.0.0\"}"), CniVersion.V1_0_0))
                .hasMessageContaining("7.0.0");
    }

    @Test
    void thePodsAddressesAreThoseOfItsEth0WithIpv4First() {
        assertThat(CniResult.attachment(read(NEWEST)).ips()).containsExactly("10.1.0.2/16", "fd00::2/64");
        assertThat(CniResult.attachment(read(NEWEST)).texts()).containsExactly("10.1.0.2", "fd00::2");
        assertThat(CniResult.attachment(read("{\"ips\":[{\"address\":\"10.1.0.2/16\"}]}"))
                        .ips())
                .containsExactly("10.1.0.2/16");
        assertThatThrownBy(() -> CniResult.attachment(read("{\"ips\":[]}"))).hasMessageContaining("no address");
        assertThatThrownBy(() -> CniResult.attachment(read("{\"ips\":[{\"address\":\"nonsense\"}]}")))
                .isInstanceOf(IllegalArgumentException.class);
    }

    private static JsonObject read(String json) {
        return Json.object(json.getBytes(StandardCharsets.UTF_8));
    }
}
