/**
 * Devices by their CDI names: what the files of vendors in {@code /etc/cdi} and {@code /var/run/cdi} say is added to a container
 * that asks for {@code vendor.com/class=name}.
 *
 * <p>Here: names, files, and the edits of a spec. Not here: who asks. Files are read when a container asks for a device, and at
 * no other time, so that nothing is ever out of date and nothing is kept.
 *
 * <p>Always true: a device that cannot be had makes the creation of the container fail; it never starts without. A file that is
 * no CDI spec hinders only who asks for something that is not found elsewhere.
 *
 * <p>Source: the Container Device Interface specification, version 1.0.0.
 */
@NullMarked
package dev.berth.cri.cdi;

import org.jspecify.annotations.NullMarked;
