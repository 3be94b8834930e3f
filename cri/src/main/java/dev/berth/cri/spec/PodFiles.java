package dev.berth.cri.spec;

/** The files about a pod's name that its containers see. */
public final class PodFiles {
    public static final String HOSTNAME = "hostname";
    public static final String HOSTS = "hosts";
    public static final String RESOLV_CONF = "resolv.conf";

    private PodFiles() {}
}
