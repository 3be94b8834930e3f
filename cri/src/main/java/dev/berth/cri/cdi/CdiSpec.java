package dev.berth.cri.cdi;

import dev.berth.cri.cdi.Fields.BadSpec;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/**
 * One file of a vendor, in YAML or JSON, which YAML 1.2 includes.
 *
 * @param always what each container gets that asks for any of the devices
 */
record CdiSpec(Path file, String kind, Map<String, ContainerEdits> devices, ContainerEdits always) {
    private static final int MOST_BYTES = 4 << 20;

    static CdiSpec read(Path file) throws BadSpec {
        Fields given = new Fields("the file", parse(file));
        if (!given.needText("cdiVersion").matches("(0\\.[0-9]+|1\\.[0-9]+)\\.[0-9]+")) {
            throw new BadSpec("version " + given.text("cdiVersion") + " is not known");
        }
        String kind = given.needText("kind");
        if (!CdiName.isKind(kind)) {
            throw new BadSpec("\"" + kind + "\" is not vendor.com/class");
        }
        annotations(given);
        var devices = new LinkedHashMap<String, ContainerEdits>();
        for (Fields device : given.objects("devices")) {
            String name = device.needText("name");
            annotations(device);
            if (!CdiName.isDevice(name)
                    || devices.put(name, ContainerEdits.of(device.object("containerEdits"))) != null) {
                throw new BadSpec("\"" + name + "\" is not the name of a device, or there twice");
            }
            device.end();
        }
        var spec = new CdiSpec(file, kind, devices, ContainerEdits.of(given.object("containerEdits")));
        given.end();
        return spec;
    }

    /** They are for people. */
    private static void annotations(Fields given) throws BadSpec {
        if (given.has("annotations")) {
            var _ = given.object("annotations");
        }
    }

    private static @Nullable Object parse(Path file) throws BadSpec {
        try (InputStream in = Files.newInputStream(file)) {
            byte[] text = in.readNBytes(MOST_BYTES + 1);
            if (text.length > MOST_BYTES) {
                throw new BadSpec("it is larger than " + MOST_BYTES + " bytes");
            }
            var settings = LoadSettings.builder()
                    .setLabel(file.toString())
                    .setAllowDuplicateKeys(false)
                    .setMaxAliasesForCollections(0)
                    .build();
            return new Load(settings).loadFromString(new String(text, StandardCharsets.UTF_8));
        } catch (IOException | YamlEngineException e) {
            throw new BadSpec(String.valueOf(e.getMessage()).replaceAll("\\s+", " "));
        }
    }
}
