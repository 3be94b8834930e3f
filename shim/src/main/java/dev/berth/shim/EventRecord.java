package dev.berth.shim;

import io.avaje.jsonb.Json;
import java.time.Instant;

/**
 * An event that waits until the daemon has taken it.
 *
 * @param sequence grows by one from event to event, also across supervisors
 * @param type full name of the message in the payload
 * @param payload the encoded message as base64
 * @param exitUnknown it tells of an end that nobody saw
 */
@Json
record EventRecord(
        long sequence, Instant at, String namespace, String topic, String type, String payload, boolean exitUnknown) {}
