package dev.berth.images;

import dev.berth.images.registry.Credentials;
import dev.berth.kernel.Namespace;
import dev.berth.oci.Platform;
import dev.berth.oci.Reference;

/**
 * A wish for an image.
 *
 * @param credentials requests that are equal in all but the progress are one pull, so these should have an {@code equals}
 */
public record PullRequest(
        Namespace namespace, Reference reference, Credentials credentials, Platform platform, Progress progress) {

    /** For this machine, without a login and without being told how it goes. */
    public static PullRequest of(Namespace namespace, Reference reference) {
        return new PullRequest(namespace, reference, Credentials.ANONYMOUS, Platform.host(), Progress.NONE);
    }

    public PullRequest with(Credentials newCredentials) {
        return new PullRequest(namespace, reference, newCredentials, platform, progress);
    }

    public PullRequest with(Progress newProgress) {
        return new PullRequest(namespace, reference, credentials, platform, newProgress);
    }
}
