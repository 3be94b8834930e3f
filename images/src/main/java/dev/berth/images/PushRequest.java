package dev.berth.images;

import dev.berth.images.registry.Access;
import dev.berth.images.registry.Credentials;
import dev.berth.kernel.Namespace;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Platform;
import dev.berth.oci.Reference;
import java.util.List;

/**
 * A wish to have an image at a registry.
 *
 * @param image the name of its record here
 * @param destination the name that it is to have there; with a digest, that of the image
 * @param platforms of an image for several, those that are pushed: of one its manifest, of several a new index of them; none means
 *     the image as it is
 */
public record PushRequest(
        Namespace namespace,
        String image,
        Reference destination,
        Access access,
        List<Platform> platforms,
        Listener listener) {
    public PushRequest {
        platforms = List.copyOf(platforms);
    }

    /** The image as it is, to where its name says, without a login. */
    public static PushRequest of(Namespace namespace, Reference image) {
        return new PushRequest(namespace, image.toString(), image, Access.ANONYMOUS, List.of(), Listener.NONE);
    }

    public PushRequest to(Reference newDestination) {
        return new PushRequest(namespace, image, newDestination, access, platforms, listener);
    }

    public PushRequest with(Credentials newCredentials) {
        return with(access.with(newCredentials));
    }

    public PushRequest with(Access newAccess) {
        return new PushRequest(namespace, image, destination, newAccess, platforms, listener);
    }

    public PushRequest with(List<Platform> newPlatforms) {
        return new PushRequest(namespace, image, destination, access, newPlatforms, listener);
    }

    public PushRequest with(Listener newListener) {
        return new PushRequest(namespace, image, destination, access, platforms, newListener);
    }

    /** How far a blob or document is. */
    public enum Stage {
        /** It is among what has to be there. */
        WAITING,
        SENDING,
        /** It was there already. */
        THERE,
        /** Another repository of the registry had it. */
        MOUNTED,
        SENT
    }

    /**
     * Is told how a push goes on. Called from several threads, often; it must return at once and throw nothing. It hears first what
     * each document names, from the top down; then everything is WAITING, and ends as THERE, MOUNTED or SENT.
     */
    public interface Listener {
        Listener NONE = (content, stage, bytes) -> {};

        /** A document names others, not all of which need to be pushed. */
        default void names(Descriptor document, List<Descriptor> parts) {}

        /**
         * Something has come further.
         *
         * @param bytes of it that have gone; it may go back when an attempt failed
         */
        void told(Descriptor content, Stage stage, long bytes);
    }
}
