package dev.berth.services;

import dev.berth.images.Archives;
import dev.berth.kernel.Fault;
import dev.berth.oci.Descriptor;
import dev.berth.wire.containerd.transfertypes.ImageReference;
import dev.berth.wire.containerd.transfertypes.ImageStore;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Under what names a client wants images to be known: by the names that it says, and by those that an archive gives. */
final class StoreNames implements Archives.Namer {
    private static final String IMAGE_NAME = "io.containerd.image.name";
    private static final String REF_NAME = "org.opencontainers.image.ref.name";

    private final ImageStore wish;
    private final InstantSource clock;

    StoreNames(ImageStore wish, InstantSource clock) {
        this.wish = wish;
        this.clock = clock;
    }

    /** What is asked for; a label without a value is none. */
    Map<String, String> labels() {
        return LabelChange.merge(LabelChange.EVERY, Map.of(), wish.getLabelsMap());
    }

    @Override
    public List<Archives.Name> ofIndex(Descriptor index) {
        List<Archives.Name> names = new ArrayList<>();
        if (!wish.getName().isEmpty()) {
            names.add(new Archives.Name(wish.getName(), labels()));
        }
        for (ImageReference reference : wish.getExtraReferencesList()) {
            if (reference.getIsPrefix() && !reference.getAddDigest()) {
                continue; // no name without what an archive says
            }
            names.add(further(reference.getAddDigest() ? withDigest(reference, index) : reference.getName()));
        }
        return names;
    }

    /**
     * Those of what was not in an archive.
     *
     * @throws Fault NOT_FOUND if there is none
     */
    List<Archives.Name> of(Descriptor target) {
        List<Archives.Name> names = ofIndex(target);
        if (names.isEmpty()) {
            throw Fault.notFound("name the image", "no image name found", "Give one");
        }
        return names;
    }

    @Override
    public List<Archives.Name> ofImage(Descriptor image) {
        List<Archives.Name> names = new ArrayList<>();
        for (ImageReference reference : wish.getExtraReferencesList()) {
            if (!reference.getIsPrefix()) {
                continue;
            }
            Optional<String> found = given(image.annotations(), reference);
            found.ifPresent(name -> names.add(further(name)));
            boolean digest = reference.getAddDigest() && (found.isEmpty() || !reference.getSkipNamedDigest());
            if (digest) {
                names.add(further(withDigest(reference, image)));
            }
        }
        return names;
    }

    /** As these, but for what an archive holds and not for the archive. */
    Archives.Namer ofImagesOnly() {
        return new Archives.Namer() {
            @Override
            public List<Archives.Name> ofIndex(Descriptor index) {
                return List.of();
            }

            @Override
            public List<Archives.Name> ofImage(Descriptor image) {
                return StoreNames.this.ofImage(image);
            }
        };
    }

    /** A name besides the first goes with it, once there is a first. */
    private Archives.Name further(String name) {
        Map<String, String> labels = new HashMap<>(labels());
        if (!wish.getName().isEmpty()) {
            labels.put("containerd.io/gc.bref.image", wish.getName());
            labels.put(
                    "containerd.io/gc.expire",
                    clock.instant().truncatedTo(ChronoUnit.SECONDS).toString());
        }
        return new Archives.Name(name, labels);
    }

    private static String withDigest(ImageReference reference, Descriptor of) {
        return reference.getName() + "@" + of.digest();
    }

    /** A full name is taken as it is or not at all, a tag is put behind the prefix. */
    private static Optional<String> given(Map<String, String> annotations, ImageReference prefix) {
        String full = annotations.getOrDefault(IMAGE_NAME, "");
        if (!full.isEmpty()) {
            return Optional.of(full).filter(name -> name.equals(translated(name, prefix)));
        }
        String name = annotations.getOrDefault(REF_NAME, "");
        return Optional.of(name.isEmpty() ? "" : translated(name, prefix)).filter(it -> !it.isEmpty());
    }

    private static String translated(String name, ImageReference prefix) {
        String image = prefix.getName();
        if (image.isEmpty()) {
            return "";
        }
        boolean isFull = name.chars().anyMatch(c -> c == '/' || c == ':' || c == '@');
        if (!isFull) {
            return image + ":" + name;
        }
        return prefix.getAllowOverwrite() || isWithin(name, image) ? name : "";
    }

    private static boolean isWithin(String name, String image) {
        return name.startsWith(image)
                && (name.length() == image.length() || "/:@".indexOf(name.charAt(image.length())) >= 0);
    }
}
