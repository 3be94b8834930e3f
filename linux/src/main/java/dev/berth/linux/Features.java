package dev.berth.linux;

/** What this kernel can do beyond the minimum, found out by trying; each answer is looked for once. */
public final class Features {
    private static final class OverlayByLayer {
        private static final boolean THERE = probe();

        private static boolean probe() {
            try (FsContext context = FsContext.open("overlay")) {
                return refusesNonsense(context) && takesOneLayer(context);
            } catch (LinuxException e) {
                return false;
            }
        }

        /** Before Linux 6.5 the context only collects words and finds fault with them when it mounts. */
        private static boolean refusesNonsense(FsContext context) {
            try {
                context.flag("no-such-option-anywhere");
                return false;
            } catch (LinuxException e) {
                return true;
            }
        }

        private static boolean takesOneLayer(FsContext context) {
            try {
                context.string("lowerdir+", "/");
                return true;
            } catch (LinuxException e) {
                return false;
            }
        }
    }

    private static final class ChmodNoFollow {
        private static final boolean THERE = probe();

        private static boolean probe() {
            try {
                FileCalls.chmodNoFollow(-1, new byte[] {'x'}, 0);
                return true;
            } catch (LinuxException e) {
                return !e.is(Errno.ENOSYS)
                        && !e.is(Errno.EPERM); // some seccomp filters say EPERM for what they don't know
            }
        }
    }

    private Features() {}

    /** Whether overlay layers can be given one by one, {@code lowerdir+}: Linux 6.7. */
    public static boolean overlayLayerByLayer() {
        return OverlayByLayer.THERE;
    }

    /** Whether a mode can be set without following a link in one call, fchmodat2: Linux 6.6. */
    static boolean chmodNoFollow() {
        return ChmodNoFollow.THERE;
    }
}
