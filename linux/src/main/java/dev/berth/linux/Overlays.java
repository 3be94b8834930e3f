package dev.berth.linux;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The two ways to make a detached overlay. */
final class Overlays {
    private static final int MAX_VALUE = 255; // fsconfig(2) takes no longer string
    private static final int MAX_OPTIONS = 4095; // mount(2) takes one page

    private Overlays() {}

    /** Linux 6.7 and later: one fsconfig for each layer, so neither their number nor their names are a problem. */
    static DetachedMount layerByLayer(OverlayMount overlay) throws LinuxException {
        return layerByLayer(overlay.lower(), overlay.upper(), overlay.options());
    }

    private static DetachedMount layerByLayer(
            List<Path> layers, OverlayMount.@Nullable Upper upper, List<String> options) throws LinuxException {
        List<Fd> opened = new ArrayList<>();
        try (FsContext context = FsContext.open("overlay")) {
            context.string("source", "overlay");
            for (Path lower : layers) {
                context.string("lowerdir+", name(lower, opened));
            }
            if (upper != null) {
                context.string("upperdir", name(upper.directory(), opened));
                context.string("workdir", name(upper.work(), opened));
            }
            for (String option : options) {
                context.option(option);
            }
            return context.mount(0);
        } finally {
            opened.forEach(Fd::close);
        }
    }

    /**
     * Layers whose owners appear as a user namespace maps them; the upper directory keeps the ids of the node, because the
     * kernel works in it as the node's root, who need not have an id there.
     *
     * <p>The mount with the ids must have a place while the overlay is made. In a mount namespace of its own it lies on the
     * directory that all layers share, so their names stay what they are, and nobody ever sees it.
     */
    static DetachedMount idmapped(OverlayMount overlay, Fd userNamespace) throws IOException, InterruptedException {
        if (!Features.overlayLayerByLayer()) {
            throw new LinuxException("map the ids of an overlay's layers, which needs Linux 6.7", Errno.ENOSYS);
        }
        Path base = commonParent(overlay.lower());
        return Namespaces.inMountCopy(Propagation.PRIVATE, () -> {
            List<Fd> opened = new ArrayList<>();
            try (DetachedMount mapped = Mounts.bind(base, false)) {
                OverlayMount.Upper upper = overlay.upper();
                if (upper != null) {
                    upper = new OverlayMount.Upper(opened(upper.directory(), opened), opened(upper.work(), opened));
                }
                mapped.setattr(MountAttributes.nothing().idmappedBy(userNamespace), false);
                mapped.moveTo(base);
                return layerByLayer(overlay.lower(), upper, overlay.options());
            } finally {
                opened.forEach(Fd::close);
            }
        });
    }

    private static Path opened(Path path, List<Fd> opened) throws LinuxException {
        Fd fd = Fd.open(path, Fd.O_PATH);
        opened.add(fd);
        return fd.procPath();
    }

    /** The path if the kernel takes it as it is, else a short name for it. */
    private static String name(Path path, List<Fd> opened) throws LinuxException {
        String text = path.toString();
        if (text.getBytes(StandardCharsets.UTF_8).length <= MAX_VALUE && text.indexOf('\\') < 0) {
            return text;
        }
        return opened(path, opened).toString();
    }

    /**
     * Linux before 6.7: mount(2) in a mount namespace of its own, whose only use is to make the clone that outlives it. All
     * layers go into one page of options, so their names are taken relative to the directory that they share.
     */
    static DetachedMount byOptions(OverlayMount overlay) throws IOException, InterruptedException {
        Path base = commonParent(all(overlay));
        String options = options(overlay, base);
        if (options.getBytes(StandardCharsets.UTF_8).length > MAX_OPTIONS) {
            throw new LinuxException(
                    "mount an overlay of " + overlay.lower().size() + " layers: their names are longer than "
                            + MAX_OPTIONS + " bytes together, which needs Linux 6.7",
                    Errno.E2BIG);
        }
        String anywhere = overlay.lower().getFirst().toString();
        return Namespaces.inMountCopy(Propagation.PRIVATE, () -> {
            Namespaces.changeDirectory(base);
            MountCalls.mount("overlay", anywhere, "overlay", 0, options);
            return new DetachedMount(MountCalls.openTree(MountCalls.AT_FDCWD, anywhere, MountCalls.OPEN_TREE_CLONE));
        });
    }

    private static List<Path> all(OverlayMount overlay) {
        List<Path> all = new ArrayList<>(overlay.lower());
        OverlayMount.Upper upper = overlay.upper();
        if (upper != null) {
            all.add(upper.directory());
            all.add(upper.work());
        }
        return all;
    }

    private static Path commonParent(List<Path> all) {
        Path root = Path.of("/");
        Path common = all.getFirst().toAbsolutePath().normalize().getParent();
        for (Path path : all) {
            Path absolute = path.toAbsolutePath().normalize();
            while (common != null && !(absolute.startsWith(common) && !absolute.equals(common))) {
                common = common.getParent();
            }
        }
        return common == null ? root : common;
    }

    private static String options(OverlayMount overlay, Path base) {
        var text = new StringBuilder("lowerdir=");
        String separator = "";
        for (Path lower : overlay.lower()) {
            text.append(separator).append(escaped(lower, base));
            separator = ":";
        }
        OverlayMount.Upper upper = overlay.upper();
        if (upper != null) {
            text.append(",upperdir=").append(escaped(upper.directory(), base));
            text.append(",workdir=").append(escaped(upper.work(), base));
        }
        overlay.options().forEach(option -> text.append(',').append(option));
        return text.toString();
    }

    private static String escaped(Path path, Path base) {
        String name = base.relativize(path.toAbsolutePath().normalize()).toString();
        return name.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,");
    }
}
