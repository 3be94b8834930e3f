package dev.berth.oci;

import dev.berth.kernel.JsonString;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Documents of images as JSON. What they are named by is the digest of this text, so the order of the fields is that of all other
 * tools, and what is empty is left out as they do.
 */
final class TreeText {
    private final StringBuilder text = new StringBuilder(512);
    private boolean first = true;

    static byte[] of(Index index) {
        TreeText out = new TreeText().open();
        out.number("schemaVersion", index.schemaVersion());
        out.text("mediaType", index.mediaType()).text("artifactType", index.artifactType());
        out.descriptors("manifests", index.manifests()).descriptor("subject", index.subject());
        return out.map("annotations", index.annotations()).close().bytes();
    }

    static byte[] of(Manifest manifest) {
        TreeText out = new TreeText().open();
        out.number("schemaVersion", manifest.schemaVersion());
        out.text("mediaType", manifest.mediaType()).text("artifactType", manifest.artifactType());
        out.descriptor("config", manifest.config()).descriptors("layers", manifest.layers());
        out.descriptor("subject", manifest.subject());
        return out.map("annotations", manifest.annotations()).close().bytes();
    }

    static byte[] of(Descriptor descriptor) {
        TreeText out = new TreeText();
        out.value(descriptor);
        return out.bytes();
    }

    private void value(Descriptor descriptor) {
        open();
        text("mediaType", descriptor.mediaType());
        text("digest", descriptor.digest().toString());
        number("size", descriptor.size());
        if (!descriptor.urls().isEmpty()) {
            list("urls", descriptor.urls());
        }
        map("annotations", descriptor.annotations()).text("data", descriptor.data());
        Platform platform = descriptor.platform();
        if (platform != null) {
            key("platform").open();
            always("architecture", platform.architecture()).always("os", platform.os());
            text("os.version", platform.osVersion());
            if (!platform.osFeatures().isEmpty()) {
                list("os.features", platform.osFeatures());
            }
            text("variant", platform.variant()).close();
        }
        text("artifactType", descriptor.artifactType()).close();
    }

    private TreeText open() {
        text.append('{');
        first = true;
        return this;
    }

    private TreeText close() {
        text.append('}');
        first = false;
        return this;
    }

    private TreeText key(String key) {
        if (!first) {
            text.append(',');
        }
        first = false;
        JsonString.append(key, text);
        text.append(':');
        return this;
    }

    private TreeText always(String key, String value) {
        key(key);
        JsonString.append(value, text);
        return this;
    }

    private TreeText text(String key, String value) {
        return value.isEmpty() ? this : always(key, value);
    }

    private void number(String key, long value) {
        key(key);
        text.append(value);
    }

    private void list(String key, List<String> values) {
        key(key);
        char before = '[';
        for (String value : values) {
            text.append(before);
            JsonString.append(value, text);
            before = ',';
        }
        text.append(']');
    }

    private TreeText map(String key, Map<String, String> values) {
        if (!values.isEmpty()) {
            key(key).open();
            new TreeMap<>(values).forEach(this::always);
            close();
        }
        return this;
    }

    private TreeText descriptor(String key, @Nullable Descriptor descriptor) {
        if (descriptor != null) {
            key(key).value(descriptor);
        }
        return this;
    }

    private TreeText descriptors(String key, List<Descriptor> descriptors) {
        key(key);
        text.append('[');
        String before = "";
        for (Descriptor descriptor : descriptors) {
            text.append(before);
            value(descriptor);
            before = ",";
        }
        text.append(']');
        return this;
    }

    private byte[] bytes() {
        return text.toString().getBytes(StandardCharsets.UTF_8);
    }
}
