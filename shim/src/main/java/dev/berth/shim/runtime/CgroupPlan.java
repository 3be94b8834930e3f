package dev.berth.shim.runtime;

import dev.berth.linux.cgroup.CgroupLimits;
import dev.berth.linux.cgroup.DeviceRule;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;

/**
 * The limits and device rules of an OCI config, for cgroups that we make ourselves.
 *
 * @param devices in the order in which they are written; what comes later wins
 * @see <a href="https://github.com/opencontainers/runtime-spec/blob/v1.0.2/config-linux.md">config-linux.md, resources</a>
 */
public record CgroupPlan(CgroupLimits limits, List<DeviceRule> devices) {
    private static final Set<String> KNOWN = Set.of("devices", "memory", "cpu", "pids", "hugepageLimits", "unified");
    private static final Set<String> MEMORY = Set.of("limit", "reservation", "swap");
    private static final Set<String> CPU = Set.of("shares", "quota", "period", "cpus", "mems");

    /** What every container may use, as runc has it: making device nodes, null, zero, full, random, urandom, tty, ptys. */
    private static final List<DeviceRule> ALWAYS = List.of(
            new DeviceRule(true, 'c', -1, -1, "m"),
            new DeviceRule(true, 'b', -1, -1, "m"),
            new DeviceRule(true, 'c', 1, 3, "rwm"),
            new DeviceRule(true, 'c', 1, 5, "rwm"),
            new DeviceRule(true, 'c', 1, 7, "rwm"),
            new DeviceRule(true, 'c', 1, 8, "rwm"),
            new DeviceRule(true, 'c', 1, 9, "rwm"),
            new DeviceRule(true, 'c', 5, 0, "rwm"),
            new DeviceRule(true, 'c', 5, 2, "rwm"),
            new DeviceRule(true, 'c', 136, -1, "rwm"));

    public CgroupPlan {
        devices = List.copyOf(devices);
    }

    /**
     * Reads OCI resources.
     *
     * @param resources an object of JSON
     * @return empty if it asks for something that only the runtime can do
     * @throws IllegalArgumentException if it is not such an object
     */
    public static Optional<CgroupPlan> parse(String resources) {
        JsonObjectText all = JsonObjectText.parse(resources);
        if (!all.hasOnly(KNOWN)
                || !all.object("memory").hasOnly(MEMORY)
                || !all.object("cpu").hasOnly(CPU)
                || !all.object("unified").hasOnly(Set.of())) {
            return Optional.empty();
        }
        CgroupLimits limits = new CgroupLimits(
                cpu(all.object("cpu")),
                memory(all.object("memory")),
                pids(all.object("pids")),
                hugePages(all),
                Map.of());
        return Optional.of(new CgroupPlan(limits, devices(all)));
    }

    private static CgroupLimits.Cpu cpu(JsonObjectText cpu) {
        return new CgroupLimits.Cpu(
                cpu.number("shares"),
                cpu.number("quota"),
                cpu.number("period"),
                cpu.string("cpus").orElse(""),
                cpu.string("mems").orElse(""));
    }

    private static CgroupLimits.Memory memory(JsonObjectText memory) {
        return new CgroupLimits.Memory(memory.number("limit"), memory.number("swap"), memory.number("reservation"));
    }

    /** No limit and a limit of nothing are both -1 in practice: a container without any process is no container. */
    private static long pids(JsonObjectText pids) {
        return pids.has("limit") && pids.number("limit") <= 0 ? -1 : pids.number("limit");
    }

    private static List<CgroupLimits.HugePages> hugePages(JsonObjectText resources) {
        return resources.elements("hugepageLimits").stream()
                .map(JsonObjectText::parse)
                .map(each -> new CgroupLimits.HugePages(each.string("pageSize").orElse(""), each.number("limit")))
                .toList();
    }

    private static List<DeviceRule> devices(JsonObjectText resources) {
        List<DeviceRule> rules = new ArrayList<>();
        rules.add(DeviceRule.denyAll());
        rules.addAll(ALWAYS);
        for (String element : resources.elements("devices")) {
            addRule(JsonObjectText.parse(element), rules);
        }
        return rules;
    }

    private static void addRule(JsonObjectText rule, List<DeviceRule> rules) {
        boolean allow = rule.raw("allow").equals(Optional.of("true"));
        String type = rule.string("type").filter(Predicate.not(String::isEmpty)).orElse("a");
        String access =
                rule.string("access").filter(Predicate.not(String::isEmpty)).orElse("rwm");
        long major = rule.has("major") ? rule.number("major") : -1;
        long minor = rule.has("minor") ? rule.number("minor") : -1;
        boolean everything = type.equals("a") && major == -1 && minor == -1;
        if (everything) {
            rules.clear(); // nothing of before matters any more
        }
        if (everything && allow) {
            rules.add(DeviceRule.allowAll());
        } else if (everything) {
            rules.add(DeviceRule.denyAll());
            rules.addAll(ALWAYS); // the usual first rule of a config is to deny all, and means all but these
        } else {
            for (char one : (type.equals("a") ? "bc" : type.replace('u', 'c')).toCharArray()) {
                addOnce(new DeviceRule(allow, one, major, minor, access), rules);
            }
        }
    }

    /** Each rule is a write to the kernel, and configs repeat what every container is allowed. */
    private static void addOnce(DeviceRule rule, List<DeviceRule> rules) {
        boolean nothingTakenBack = rules.stream().skip(1).allMatch(DeviceRule::allow);
        if (!(rule.allow() && nothingTakenBack && rules.contains(rule))) {
            rules.add(rule);
        }
    }
}
