package dev.berth.kernel;

/**
 * The platform threads that carry virtual ones. There are as many as processors; a system call that waits in the kernel holds its
 * carrier, so on a small machine two of them would hold up everybody else.
 */
public final class Carriers {
    private static final String PROPERTY = "jdk.virtualThreadScheduler.parallelism";
    private static final int FEWEST = 4;

    private Carriers() {}

    /** Has enough of them, unless somebody has said how many there shall be. Counts only before the first virtual thread. */
    public static void provide() {
        if (System.getProperty(PROPERTY) == null && Runtime.getRuntime().availableProcessors() < FEWEST) {
            System.setProperty(PROPERTY, String.valueOf(FEWEST));
        }
    }
}
