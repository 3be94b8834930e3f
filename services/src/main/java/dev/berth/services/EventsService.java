package dev.berth.services;

import com.google.protobuf.Empty;
import com.google.protobuf.Timestamp;
import dev.berth.wire.containerd.events.EventsGrpc;
import dev.berth.wire.containerd.events.ForwardRequest;
import dev.berth.wire.containerd.events.PublishRequest;
import dev.berth.wire.containerd.events.SubscribeRequest;
import dev.berth.wire.shim.types.Envelope;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;

/** What happens, in all namespaces, for who wants to know. */
final class EventsService extends EventsGrpc.EventsImplBase implements AutoCloseable {
    private final EventExchange exchange;

    /** Takes the exchange over. */
    EventsService(EventExchange exchange) {
        this.exchange = exchange;
    }

    @Override
    public void publish(PublishRequest request, StreamObserver<Empty> caller) {
        Calls.answer(caller, () -> {
            exchange.publish(Happening.of(Envelope.newBuilder()
                    .setTimestamp(Messages.time(exchange.now()))
                    .setNamespace(Headers.namespace().name())
                    .setTopic(request.getTopic())
                    .setEvent(request.getEvent())
                    .build()));
            return Empty.getDefaultInstance();
        });
    }

    @Override
    public void forward(ForwardRequest request, StreamObserver<Empty> caller) {
        Calls.answer(caller, () -> {
            Envelope event = request.getEnvelope();
            exchange.publish(Happening.of(
                    event.hasTimestamp() // one without a time is of the beginning of all time, as containerd has it
                            ? event
                            : event.toBuilder()
                                    .setTimestamp(Timestamp.getDefaultInstance())
                                    .build()));
            return Empty.getDefaultInstance();
        });
    }

    @Override
    public void subscribe(SubscribeRequest request, StreamObserver<Envelope> caller) {
        try {
            var client = (ServerCallStreamObserver<Envelope>) caller;
            var subscription = new EventSubscription(Filters.parse(request.getFiltersList()), client);
            client.setOnCancelHandler(() -> {
                exchange.remove(subscription);
                subscription.forget();
            });
            client.setOnReadyHandler(subscription::send);
            exchange.add(subscription);
        } catch (RuntimeException e) {
            Calls.fail(caller, e);
        }
    }

    @Override
    public void close() {
        exchange.close();
    }
}
