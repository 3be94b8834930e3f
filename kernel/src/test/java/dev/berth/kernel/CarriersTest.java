package dev.berth.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class CarriersTest {
    private static final String PROPERTY = "jdk.virtualThreadScheduler.parallelism";

    private final String before = System.getProperty(PROPERTY, "");

    @AfterEach
    void restore() {
        if (before.isEmpty()) {
            System.clearProperty(PROPERTY);
        } else {
            System.setProperty(PROPERTY, before);
        }
    }

    @Test
    void aSmallMachineHasMoreCarriersThanProcessors() {
        System.clearProperty(PROPERTY);
        Carriers.provide();
        int processors = Runtime.getRuntime().availableProcessors();
        assertThat(Integer.getInteger(PROPERTY, processors)).isEqualTo(Math.max(processors, 4));
    }

    @Test
    void whatSomebodyAskedForStays() {
        System.setProperty(PROPERTY, "3");
        Carriers.provide();
        assertThat(System.getProperty(PROPERTY)).isEqualTo("3");
    }
}
