package dev.berth.cri.cdi;

import dev.berth.cri.cdi.Fields.BadSpec;
import dev.berth.oci.LinuxSpec;
import dev.berth.oci.RuntimeSpec.Hook;
import dev.berth.oci.RuntimeSpec.Mount;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What a device changes of a container. */
record ContainerEdits(
        List<String> env,
        List<Node> nodes,
        List<Mount> mounts,
        Map<Moment, List<Hook>> hooks,
        List<Long> groups,
        LinuxSpec.@Nullable IntelRdt intelRdt) {

    /** When a hook runs. */
    enum Moment {
        PRESTART("prestart"),
        CREATE_RUNTIME("createRuntime"),
        CREATE_CONTAINER("createContainer"),
        START_CONTAINER("startContainer"),
        POSTSTART("poststart"),
        POSTSTOP("poststop");

        private final String word;

        Moment(String word) {
            this.word = word;
        }

        static Moment of(String word) throws BadSpec {
            for (Moment moment : values()) {
                if (moment.word.equals(word)) {
                    return moment;
                }
            }
            throw new BadSpec("\"" + word + "\" is not the name of a hook");
        }
    }

    /**
     * A device node.
     *
     * @param hostPath where on the node it is; the same as {@code path} if nothing is said
     * @param type empty to look it up, as numbers that are null
     */
    record Node(
            String path,
            String hostPath,
            String type,
            @Nullable Long major,
            @Nullable Long minor,
            @Nullable Long fileMode,
            String permissions,
            @Nullable Long uid,
            @Nullable Long gid) {}

    static ContainerEdits of(Fields given) throws BadSpec {
        List<String> env = given.texts("env");
        for (String variable : env) {
            if (variable.indexOf('=') <= 0) {
                throw new BadSpec("\"" + variable + "\" is not NAME=value");
            }
        }
        var nodes = new ArrayList<Node>();
        for (Fields node : given.objects("deviceNodes")) {
            nodes.add(node(node));
        }
        var mounts = new ArrayList<Mount>();
        for (Fields mount : given.objects("mounts")) {
            mounts.add(new Mount(
                    mount.needText("containerPath"),
                    mount.has("type") ? mount.text("type") : "bind",
                    mount.needText("hostPath"),
                    mount.texts("options")));
            mount.end();
        }
        var hooks = new EnumMap<Moment, List<Hook>>(Moment.class);
        for (Fields hook : given.objects("hooks")) {
            hooks.computeIfAbsent(Moment.of(hook.needText("hookName")), _ -> new ArrayList<>())
                    .add(hook(hook));
        }
        var edits = new ContainerEdits(
                env, nodes, mounts, hooks, given.numbers("additionalGids"), given.has("intelRdt") ? rdt(given) : null);
        given.end();
        return edits;
    }

    private static Node node(Fields given) throws BadSpec {
        String path = given.needText("path");
        if (!path.startsWith("/")) {
            throw new BadSpec("\"" + path + "\" is not an absolute path");
        }
        String type = given.text("type");
        if (!type.matches("[bcup]?")) {
            throw new BadSpec("\"" + type + "\" is not the type of a device");
        }
        String permissions = given.text("permissions");
        if (!permissions.matches("[rwm]{0,3}")) {
            throw new BadSpec("\"" + permissions + "\" is not some of rwm");
        }
        var node = new Node(
                path,
                given.has("hostPath") ? given.text("hostPath") : path,
                type,
                given.number("major"),
                given.number("minor"),
                given.number("fileMode"),
                permissions,
                given.number("uid"),
                given.number("gid"));
        given.end();
        return node;
    }

    private static Hook hook(Fields given) throws BadSpec {
        Long timeout = given.number("timeout");
        var hook = new Hook(
                given.needText("path"),
                given.texts("args"),
                given.texts("env"),
                timeout == null ? null : (Integer) Math.toIntExact(Math.min(timeout, Integer.MAX_VALUE)));
        given.end();
        return hook;
    }

    private static LinuxSpec.IntelRdt rdt(Fields edits) throws BadSpec {
        Fields given = edits.object("intelRdt");
        var rdt = new LinuxSpec.IntelRdt(
                text(given, "closID"),
                text(given, "l3CacheSchema"),
                text(given, "memBwSchema"),
                given.flag("enableCMT"),
                given.flag("enableMBM"));
        given.end();
        return rdt;
    }

    private static @Nullable String text(Fields given, String name) throws BadSpec {
        String text = given.text(name);
        return text.isEmpty() ? null : text;
    }
}
