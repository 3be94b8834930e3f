package dev.berth.cri.spec;

import dev.berth.cri.config.SelinuxOptions;
import dev.berth.kernel.Fault;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What the node's SELinux policy has for containers: the contexts that its file {@code lxc_contexts} names, as other runtimes
 * take them.
 *
 * @param enabled whether the kernel has it on
 * @param process whose parts a process has that its request does not name
 * @param file of what is mounted for it; the level is always the process's
 */
record SelinuxPolicy(boolean enabled, SelinuxOptions process, SelinuxOptions file) {
    /** A kernel without it. */
    static final SelinuxPolicy OFF = new SelinuxPolicy(
            false,
            new SelinuxOptions("system_u", "system_r", "container_t", "s0"),
            new SelinuxOptions("system_u", "object_r", "container_file_t", "s0"));

    private static final Pattern LABEL = Pattern.compile("[A-Za-z0-9_:.,-]{1,255}");
    private static final Pattern TYPE = Pattern.compile("(?m)^\\s*SELINUXTYPE\\s*=\\s*([A-Za-z0-9_-]+)");
    private static final int CATEGORIES = 1024;

    /**
     * What a container is labelled with; null for nothing.
     *
     * @param process of its processes
     * @param mount of its files
     */
    record Labels(@Nullable String process, @Nullable String mount) {
        static final Labels NONE = new Labels(null, null);
    }

    /** Looks at a node. A policy without a word about containers has the usual contexts. */
    static SelinuxPolicy read(Path root) throws IOException {
        if (!Files.exists(root.resolve("sys/fs/selinux/enforce"))) {
            return OFF;
        }
        String type = text(root.resolve("etc/selinux/config"))
                .map(TYPE::matcher)
                .filter(Matcher::find)
                .map(found -> found.group(1))
                .orElse("targeted");
        String contexts = text(root.resolve("etc/selinux/" + type + "/contexts/lxc_contexts"))
                .orElse("");
        return new SelinuxPolicy(
                true,
                context(contexts, "process").orElse(OFF.process),
                context(contexts, "file").orElse(OFF.file));
    }

    private static Optional<String> text(Path file) throws IOException {
        return Files.exists(file) ? Optional.of(Files.readString(file)) : Optional.empty();
    }

    /** {@code process = "system_u:system_r:container_t:s0"}. */
    private static Optional<SelinuxOptions> context(String file, String key) {
        Matcher line = Pattern.compile("(?m)^\\s*" + key + "\\s*=\\s*\"([^\":]+):([^\":]+):([^\":]+)(?::([^\"]*))?\"")
                .matcher(file);
        return line.find()
                ? Optional.of(new SelinuxOptions(
                        line.group(1), line.group(2), line.group(3), Objects.requireNonNullElse(line.group(4), "s0")))
                : Optional.empty();
    }

    /**
     * The labels of a container.
     *
     * @param options of the container, or of its pod if it has none; the kubelet often names nothing but the level
     * @param privileged such processes have none, so that they may do all that root may
     * @param podId by which the containers of a pod have one level, and other pods others, if nobody names it
     * @throws Fault INVALID_ARGUMENT if the parts make no label
     */
    Labels labels(@Nullable SelinuxOptions options, boolean privileged, String podId) {
        if (!enabled) {
            return Labels.NONE;
        }
        SelinuxOptions asked = options == null ? new SelinuxOptions("", "", "", "") : options;
        String level = or(asked.level(), or(ownLevel(podId), process.level()));
        String label = label(
                or(asked.user(), process.user()),
                or(asked.role(), process.role()),
                or(asked.type(), process.type()),
                level);
        return new Labels(privileged ? null : label, label(file.user(), file.role(), file.type(), level));
    }

    private static String or(String asked, String otherwise) {
        return asked.isEmpty() ? otherwise : asked;
    }

    private static String label(String... parts) {
        String label = String.join(
                ":", Stream.of(parts).filter(part -> !part.isEmpty()).toList());
        if (!LABEL.matcher(label).matches()) {
            throw Fault.invalid(
                    "SELinux label", "\"" + Shown.of(label) + "\" is not one", "Write user:role:type:level");
        }
        return label;
    }

    /** Two of the policy's categories; a policy without levels has none to give. */
    private String ownLevel(String podId) {
        if (process.level().isEmpty()) {
            return "";
        }
        int number = Math.floorMod(podId.hashCode(), CATEGORIES * (CATEGORIES - 1));
        int one = number / (CATEGORIES - 1);
        int other = number % (CATEGORIES - 1);
        other += other >= one ? 1 : 0;
        return process.level().replaceFirst(":.*", "") + ":c" + Math.min(one, other) + ",c" + Math.max(one, other);
    }
}
