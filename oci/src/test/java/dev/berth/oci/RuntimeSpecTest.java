package dev.berth.oci;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import io.avaje.jsonb.Jsonb;
import java.math.BigInteger;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RuntimeSpecTest {
    private static final String FULL = """
            {"ociVersion":"1.0.2",
             "process":{"terminal":true,"consoleSize":{"height":25,"width":80},
               "user":{"uid":1000,"gid":4294967294,"umask":18,"additionalGids":[5,6]},
               "args":["sh","-c","echo \\u00fc \\" \\n"],"env":["PATH=/bin","A=b=c"],"cwd":"/tmp",
               "capabilities":{"bounding":["CAP_CHOWN"],"effective":["CAP_CHOWN"],"permitted":["CAP_CHOWN"]},
               "rlimits":[{"type":"RLIMIT_NOFILE","hard":18446744073709551615,"soft":1024}],
               "noNewPrivileges":true,"apparmorProfile":"p","oomScoreAdj":-998,
               "scheduler":{"policy":"SCHED_OTHER","nice":1,"flags":["SCHED_FLAG_RESET_ON_FORK"]},
               "selinuxLabel":"l","ioPriority":{"class":"IOPRIO_CLASS_IDLE","priority":4},
               "execCPUAffinity":{"initial":"0","final":"1"}},
             "root":{"path":"rootfs","readonly":true},
             "hostname":"h","domainname":"d",
             "mounts":[{"destination":"/proc","type":"proc","source":"proc","options":["nosuid"]},
               {"destination":"/v","source":"/w","options":["rbind"],
                "uidMappings":[{"containerID":0,"hostID":1,"size":2}],"gidMappings":[{"containerID":3,"hostID":4,"size":5}]}],
             "hooks":{"prestart":[{"path":"/h","args":["h"],"env":["X=1"],"timeout":5}],"poststop":[{"path":"/i"}]},
             "annotations":{"a":"b"},
             "linux":{"uidMappings":[{"containerID":0,"hostID":100000,"size":65536}],
               "sysctl":{"net.core.somaxconn":"256"},
               "resources":{"devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":1,"minor":0,"access":"rw"}],
                 "memory":{"limit":-1,"swap":5,"swappiness":0,"disableOOMKiller":false},
                 "cpu":{"shares":2,"quota":5,"period":7,"cpus":"0","idle":1},
                 "pids":{"limit":9},
                 "blockIO":{"weight":10,"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":600}]},
                 "hugepageLimits":[{"pageSize":"2MB","limit":0}],
                 "network":{"classID":7,"priorities":[{"name":"eth0","priority":1}]},
                 "rdma":{"mlx5":{"hcaHandles":3}},
                 "unified":{"memory.high":"5"}},
               "cgroupsPath":"/a/b",
               "namespaces":[{"type":"pid"},{"type":"network","path":"/n"},{"type":"cgroup"}],
               "devices":[{"path":"/dev/x","type":"c","major":10,"minor":229,"fileMode":438,"uid":0,"gid":0}],
               "netDevices":{"eth1":{"name":"in0"}},
               "seccomp":{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":1,"architectures":["SCMP_ARCH_X86_64"],
                 "flags":["SECCOMP_FILTER_FLAG_LOG"],
                 "syscalls":[{"names":["clone"],"action":"SCMP_ACT_ALLOW","errnoRet":38,
                   "args":[{"index":0,"value":18446744073709551615,"valueTwo":0,"op":"SCMP_CMP_MASKED_EQ"}]}]},
               "rootfsPropagation":"rslave","maskedPaths":["/proc/kcore"],"readonlyPaths":["/proc/sys"],
               "mountLabel":"m","intelRdt":{"closID":"c","enableCMT":true,"enableMBM":false},
               "personality":{"domain":"LINUX32"},
               "timeOffsets":{"boottime":{"secs":5,"nanosecs":0}}}}
            """;

    private static Map<String, Object> tree(byte[] json) {
        return Jsonb.instance().type(Object.class).map().fromJson(json);
    }

    @Test
    void everyFieldComesBack() {
        RuntimeSpec spec = RuntimeSpec.fromJson(FULL.getBytes(UTF_8));
        assertThat(tree(spec.toJson())).isEqualTo(tree(FULL.getBytes(UTF_8)));
        assertThat(RuntimeSpec.fromJson(spec.toJson())).isEqualTo(spec);
    }

    @Test
    void numbersBeyondLongAreExact() {
        RuntimeSpec spec = RuntimeSpec.fromJson(FULL.getBytes(UTF_8));
        BigInteger most = BigInteger.TWO.pow(64).subtract(BigInteger.ONE);
        assertThat(spec.needProcess().rlimits().getFirst().hard()).isEqualTo(most);
        assertThat(Objects.requireNonNull(spec.needLinux().seccomp())
                        .syscalls()
                        .getFirst()
                        .args()
                        .getFirst()
                        .value())
                .isEqualTo(most);
        assertThat(new String(spec.toJson(), UTF_8)).contains("18446744073709551615");
    }

    @Test
    void whatIsNotSaidIsNotWritten() {
        RuntimeSpec spec = RuntimeSpec.fromJson(
                "{\"ociVersion\":\"1.0.2\",\"linux\":{\"namespaces\":[{\"type\":\"ipc\"}]}}".getBytes(UTF_8));
        assertThat(new String(spec.toJson(), UTF_8))
                .isEqualTo("{\"ociVersion\":\"1.0.2\",\"linux\":{\"namespaces\":[{\"type\":\"ipc\"}]}}");
    }

    @Test
    void keysWithEscapesStayThemselves() {
        Map<String, String> strange = Map.of("a\"b", "1", "c\\d", "2", "e/f\n", "3", "ü\u0001", "4", "😀", "5");
        RuntimeSpec spec =
                RuntimeSpec.fromJson("{\"ociVersion\":\"1\"}".getBytes(UTF_8)).withAnnotations(strange);
        RuntimeSpec again =
                RuntimeSpec.fromJson(RuntimeSpec.fromJson(spec.toJson()).toJson());
        assertThat(again.annotations()).isEqualTo(strange);
        assertThat(RuntimeSpec.fromJson("{\"annotations\":{\"\\u0041\\/\":\"x\"}}".getBytes(UTF_8))
                        .annotations())
                .containsExactly(Map.entry("A/", "x"));
        ImageConfig image = ImageConfig.fromJson(
                "{\"config\":{\"Labels\":{\"q\\\"\":\"x\"},\"Volumes\":{\"/a\\u0020b\":{}}}}".getBytes(UTF_8));
        assertThat(image.config().labels()).containsExactly(Map.entry("q\"", "x"));
        assertThat(image.config().volumePaths()).containsExactly("/a b");
        assertThat(ImageConfig.fromJson(image.toJson())).isEqualTo(image);
    }

    @Test
    void unknownFieldsArePassedOver() {
        RuntimeSpec spec = RuntimeSpec.fromJson(
                "{\"ociVersion\":\"9\",\"windows\":{\"a\":[1,{}]},\"process\":{\"args\":[\"x\"],\"new\":1}}"
                        .getBytes(UTF_8));
        assertThat(spec.needProcess().args()).containsExactly("x");
        assertThat(spec.needProcess().cwd()).isEqualTo("/");
        assertThat(spec.needProcess().user()).isEqualTo(ProcessSpec.User.ROOT);
    }

    @Test
    void anExecTakesTheRightsOfItsContainer() {
        ProcessSpec process =
                RuntimeSpec.fromJson(FULL.getBytes(UTF_8)).needProcess().withCommand(List.of("ls"), false);
        assertThat(process.args()).containsExactly("ls");
        assertThat(process.terminal()).isFalse();
        assertThat(Objects.requireNonNull(process.capabilities()).bounding()).containsExactly("CAP_CHOWN");
        assertThat(process.env("A")).contains("b=c");
        assertThat(ProcessSpec.fromJson(process.toJson())).isEqualTo(process);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "[]",
                "null",
                "{\"linux\":{\"namespaces\":[{\"type\":\"nonsense\"}]}}",
                "{\"process\":{\"user\":{\"uid\":\"root\"}}}",
                "{\"linux\":5}",
                "{} {}"
            })
    void badSpecsAreRefused(String bad) {
        assertThatThrownBy(() -> RuntimeSpec.fromJson(bad.getBytes(UTF_8)))
                .isInstanceOfSatisfying(Fault.class, f -> assertThat(f.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT));
    }

    @Test
    void aProfileNeedsADefaultAction() {
        assertThatThrownBy(() -> SeccompSpec.fromJson("{}".getBytes(UTF_8))).isInstanceOf(Fault.class);
        assertThat(SeccompSpec.fromJson("{\"defaultAction\":\"SCMP_ACT_ALLOW\"}".getBytes(UTF_8))
                        .syscalls())
                .isEmpty();
    }
}
