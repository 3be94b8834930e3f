package dev.berth.shim.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.linux.cgroup.DeviceRule;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CgroupPlanTest {
    @Test
    void readsLimits() {
        CgroupPlan plan = CgroupPlan.parse("""
                {"memory":{"limit":9223372036854771712,"swap":-1,"reservation":null},"cpu":{"shares":2,"quota":-1,
                 "period":100000,"cpus":"0-1"},"pids":{"limit":0},"hugepageLimits":[{"pageSize":"2MB","limit":0}],
                 "unified":{},"network":null,"blockIO":{}}""").orElseThrow();
        assertThat(plan.limits().memory().limit()).isEqualTo(9223372036854771712L);
        assertThat(plan.limits().memory().swap()).isEqualTo(-1);
        assertThat(plan.limits().cpu().quotaMicros()).isEqualTo(-1);
        assertThat(plan.limits().cpu().cpus()).isEqualTo("0-1");
        assertThat(plan.limits().pids()).isEqualTo(-1);
        assertThat(plan.limits().hugePages()).hasSize(1);
    }

    @Test
    void nothingMeansOnlyWhatEverybodyMayUse() {
        CgroupPlan plan = CgroupPlan.parse("{}").orElseThrow();
        assertThat(plan.devices().getFirst()).isEqualTo(DeviceRule.denyAll());
        assertThat(plan.devices())
                .contains(new DeviceRule(true, 'c', 1, 3, "rwm"))
                .doesNotContain(DeviceRule.allowAll());
        assertThat(plan.limits().pids()).isZero();
    }

    @Test
    void deviceRulesKeepTheirOrder() {
        CgroupPlan plan = CgroupPlan.parse("""
                {"devices":[{"allow":true,"type":"c","major":10,"minor":229,"access":"rw"},
                 {"allow":false,"type":"a","major":7,"access":"w"},{"allow":true}]}""").orElseThrow();
        assertThat(plan.devices()).containsExactly(DeviceRule.allowAll());
        plan = CgroupPlan.parse("""
                {"devices":[{"allow":false},{"allow":true,"type":"c","major":1,"minor":3,"access":"rwm"},
                 {"allow":true,"type":"c","major":10,"minor":229,"access":"rw"},
                 {"allow":false,"type":"a","major":7,"access":"w"},
                 {"allow":true,"type":"c","major":10,"minor":229,"access":"rw"}]}""").orElseThrow();
        assertThat(plan.devices()).startsWith(DeviceRule.denyAll()).containsOnlyOnce(DeviceRule.denyAll());
        assertThat(plan.devices()).containsOnlyOnce(new DeviceRule(true, 'c', 1, 3, "rwm"));
        assertThat(plan.devices())
                .endsWith(
                        new DeviceRule(true, 'c', 10, 229, "rw"),
                        new DeviceRule(false, 'b', 7, -1, "w"),
                        new DeviceRule(false, 'c', 7, -1, "w"),
                        new DeviceRule(true, 'c', 10, 229, "rw"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"blockIO\":{\"weight\":10}}",
                "{\"memory\":{\"swappiness\":0}}",
                "{\"cpu\":{\"realtimeRuntime\":1}}",
                "{\"unified\":{\"memory.high\":\"1\"}}",
                "{\"rdma\":{\"mlx\":{\"hcaHandles\":1}}}"
            })
    void leavesToTheRuntimeWhatOnlyItCan(String resources) {
        assertThat(CgroupPlan.parse(resources)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"[]", "{\"memory\":{\"limit\":\"much\"}}", "{\"memory\":{\"limit\":1e99}}"})
    void refusesWhatCannotBeRead(String resources) {
        assertThatThrownBy(() -> CgroupPlan.parse(resources)).isInstanceOf(IllegalArgumentException.class);
    }
}
