package dev.berth.images.registry;

/** How many bodies may come from, or go to, one host at the same time. Who comes later waits. */
final class Places {
    private final Shares byHost;

    Places(int most) {
        this.byHost = new Shares(most);
    }

    /** A place at a host, until it is closed; once. */
    final class Place implements AutoCloseable {
        private final String host;
        private boolean left;

        private Place(String host) {
            this.host = host;
        }

        @Override
        public void close() {
            if (!left) {
                left = true;
                byHost.giveBack(host);
            }
        }
    }

    /** Waits for a place. */
    Place take(Host host) throws InterruptedException {
        byHost.take(host.authority());
        return new Place(host.authority());
    }
}
