package dev.berth.images;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.MediaTypes;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class FlightTest {
    private static Descriptor manifest(int number) {
        return Descriptor.of(MediaTypes.OCI_MANIFEST, Digest.of(new byte[number]), number);
    }

    @Test
    void whoJoinsHearsOfAllImagesThatAreKnown() {
        Flight flight = new Flight("test", _ -> () -> manifest(1));
        flight.resolved(manifest(1), List.of());
        flight.resolved(manifest(2), List.of());
        List<Descriptor> heard = new ArrayList<>();
        flight.tell(new Progress() {
            @Override
            public void resolved(Descriptor manifest, List<Descriptor> layers) {
                heard.add(manifest);
            }

            @Override
            public void layer(Digest layer, Stage stage, long bytes) {
                throw new AssertionError("there is none");
            }
        });
        flight.resolved(manifest(3), List.of());
        assertThat(heard).containsExactly(manifest(1), manifest(2), manifest(3));
    }
}
