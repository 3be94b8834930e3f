package dev.berth.cri.cdi;

import dev.berth.cri.cdi.Fields.BadSpec;
import dev.berth.kernel.Fault;
import dev.berth.linux.Platform;
import dev.berth.oci.RuntimeSpec;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** Finds devices by their names and adds them to specs. */
public final class CdiDevices {
    /** Before the key of an annotation whose value names devices, with commas between them. */
    public static final String ANNOTATION = "cdi.k8s.io/";

    private final List<Path> directories;

    /** @param directories where specs are; a later one goes before an earlier one */
    public CdiDevices(List<Path> directories) {
        this.directories = List.copyOf(directories);
    }

    /**
     * The devices that a container asks for, each once.
     *
     * @param asked by the field
     * @param annotations of the container
     * @throws Fault INVALID_ARGUMENT for what is no name
     */
    public static Set<String> names(Collection<String> asked, Map<String, String> annotations) {
        var names = new LinkedHashSet<String>();
        asked.forEach(name -> names.add(CdiName.parse(name).toString()));
        new TreeMap<>(annotations).forEach((key, value) -> {
            if (key.startsWith(ANNOTATION)) {
                for (String name : value.split(",", -1)) {
                    names.add(CdiName.parse(name).toString());
                }
            }
        });
        return names;
    }

    /**
     * The spec with the devices in it.
     *
     * @throws Fault FAILED_PRECONDITION if a device is not known, or cannot be had on this node
     */
    public RuntimeSpec inject(RuntimeSpec spec, Set<String> names) {
        if (names.isEmpty()) {
            return spec;
        }
        try {
            return Platform.call("CDI devices", () -> injected(spec, names));
        } catch (IOException e) {
            throw unusable(String.join(", ", names), String.valueOf(e.getMessage()))
                    .causedBy(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Fault.of(Fault.Code.CANCELLED, "find CDI devices", "the call was given up", "");
        }
    }

    private RuntimeSpec injected(RuntimeSpec spec, Set<String> names) throws IOException {
        var problems = new ArrayList<String>();
        List<List<CdiSpec>> all = read(problems);
        var begun = new LinkedHashSet<Path>();
        var editor = new SpecEditor(spec);
        for (String text : names) {
            CdiName name = CdiName.parse(text);
            CdiSpec found = find(name, all, problems);
            if (begun.add(found.file())) {
                editor.apply(found.always());
            }
            editor.apply(java.util.Objects.requireNonNull(found.devices().get(name.device())));
        }
        return editor.result();
    }

    /** Of the most important directory that has it; two files there that both do leave it open which is meant. */
    private CdiSpec find(CdiName name, List<List<CdiSpec>> all, List<String> problems) {
        for (List<CdiSpec> directory : all.reversed()) {
            List<CdiSpec> having = directory.stream()
                    .filter(spec ->
                            spec.kind().equals(name.kind()) && spec.devices().containsKey(name.device()))
                    .toList();
            if (having.size() > 1) {
                throw unusable(
                        name.toString(),
                        "both " + having.get(0).file() + " and " + having.get(1).file() + " have it");
            }
            if (!having.isEmpty()) {
                return having.getFirst();
            }
        }
        throw unusable(
                name.toString(),
                "no CDI spec in " + directories + " has it"
                        + (problems.isEmpty() ? "" : "; not usable: " + String.join("; ", problems)));
    }

    private List<List<CdiSpec>> read(List<String> problems) throws IOException {
        var all = new ArrayList<List<CdiSpec>>();
        var seen = new HashMap<Path, Path>();
        for (Path directory : directories) {
            var specs = new ArrayList<CdiSpec>();
            if (Files.isDirectory(directory) && seen.put(directory.toRealPath(), directory) == null) {
                for (Path file : files(directory)) {
                    try {
                        specs.add(CdiSpec.read(file));
                    } catch (BadSpec e) {
                        problems.add(file + ": " + e.getMessage());
                    }
                }
            }
            all.add(specs);
        }
        return all;
    }

    private static List<Path> files(Path directory) throws IOException {
        var files = new ArrayList<Path>();
        try (DirectoryStream<Path> found = Files.newDirectoryStream(directory, "*.{json,yaml}")) {
            found.forEach(files::add);
        }
        files.sort(null);
        return files;
    }

    private static Fault unusable(String name, String why) {
        return Fault.precondition(
                "CDI device " + name, why, "Let the device's vendor write its spec anew, or ask for another device");
    }
}
