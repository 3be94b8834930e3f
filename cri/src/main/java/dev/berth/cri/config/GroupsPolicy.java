package dev.berth.cri.config;

/** Where supplementary groups come from. */
public enum GroupsPolicy {
    /** The groups of the request and those of the image's group file. */
    MERGE,
    /** The groups of the request only. */
    STRICT
}
