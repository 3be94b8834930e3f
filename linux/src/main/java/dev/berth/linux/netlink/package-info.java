/**
 * The kernel's network, spoken to by messages: links, addresses, routes, counters, nftables, connection tracking, sysctls.
 *
 * <p>Here: how such messages are written and read. Not here: what a pod's network looks like.
 *
 * <p>Threads: a conversation belongs to one thread at a time. It speaks for the network namespace in which it was opened.
 * Calls take tens of microseconds; they wait longer only while the kernel holds its own network lock.
 *
 * <p>Source: the kernel's headers {@code linux/rtnetlink.h}, {@code if_link.h}, {@code netfilter/nf_tables.h}.
 */
@NullMarked
package dev.berth.linux.netlink;

import org.jspecify.annotations.NullMarked;
