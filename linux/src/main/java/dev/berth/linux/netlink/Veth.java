package dev.berth.linux.netlink;

/**
 * A pair of interfaces to be made: one here, its peer in another namespace.
 *
 * @param name the name here
 * @param master index of a bridge that it becomes a port of, 0 for none
 * @param peerName the name over there
 * @param peerMac its MAC address; empty for a random one
 * @param mtu of both, in bytes; 0 for the kernel's choice
 * @param peerNamespace descriptor number of the peer's network namespace
 */
public record Veth(String name, int master, String peerName, String peerMac, int mtu, int peerNamespace) {}
