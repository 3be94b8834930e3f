package dev.berth.images.registry;

import dev.berth.kernel.Fault;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Reference;
import java.net.URI;

/** A blob that is wanted, and who may have it. */
record Wanted(Reference reference, Descriptor descriptor, Hosts hosts, Places places, Givers givers) {
    /** For errors. */
    String what() {
        return "pull " + reference;
    }

    long size() {
        return descriptor.size();
    }

    URI at(Host host) {
        return host.address(reference.domain(), reference.path() + "/blobs/" + descriptor.digest());
    }

    /** @param encoding of the answer; empty for none */
    Fault wrongLength(String actual, String encoding) {
        String how = encoding.isEmpty() || encoding.equalsIgnoreCase("identity")
                ? ""
                : " (sent with Content-Encoding " + Text.shown(encoding, 40) + ", which nobody asked for)";
        return Fault.precondition(
                what(),
                "blob " + descriptor.digest() + " has " + actual + " bytes at the registry" + how
                        + ", its manifest says " + descriptor.size(),
                "The registry's content is damaged; push the image again");
    }
}
