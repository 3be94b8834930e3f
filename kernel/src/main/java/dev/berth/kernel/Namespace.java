package dev.berth.kernel;

/**
 * The name under which records of one client are kept apart from those of others, in the sense of containerd's API. Kubernetes lives in
 * {@link #KUBERNETES}.
 */
public record Namespace(String name) {
    private static final int MAX_LENGTH = 76;

    /** Where CRI's images, containers and sandboxes are. */
    public static final Namespace KUBERNETES = new Namespace("k8s.io");

    /** @throws Fault INVALID_ARGUMENT if the name breaks the rules of an identifier */
    public Namespace {
        if (name.length() > MAX_LENGTH || !Ids.isValid(name)) {
            throw Fault.invalid(
                    "namespace",
                    "\"" + name + "\" is not a name",
                    "Use 1 to 76 letters, digits and single - _ . between them");
        }
    }
}
