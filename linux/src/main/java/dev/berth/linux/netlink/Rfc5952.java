package dev.berth.linux.netlink;

/** The recommended text of an IPv6 address; Java's own leaves no zeros out, which no other tool prints. */
final class Rfc5952 {
    private static final int GROUPS = 8;

    private Rfc5952() {}

    static String text(byte[] bytes) {
        int[] groups = new int[GROUPS];
        for (int i = 0; i < GROUPS; i++) {
            groups[i] = (bytes[2 * i] & 0xff) << 8 | (bytes[2 * i + 1] & 0xff);
        }
        int from = 0;
        int length = 0;
        for (int i = 0; i < GROUPS; i++) {
            int run = zerosAt(groups, i);
            if (run > length) {
                from = i;
                length = run;
            }
        }
        if (length < 2) { // a single zero is not worth a double colon
            return joined(groups, 0, GROUPS);
        }
        return joined(groups, 0, from) + "::" + joined(groups, from + length, GROUPS);
    }

    private static int zerosAt(int[] groups, int start) {
        int end = start;
        while (end < GROUPS && groups[end] == 0) {
            end++;
        }
        return end - start;
    }

    private static String joined(int[] groups, int from, int to) {
        var text = new StringBuilder();
        for (int i = from; i < to; i++) {
            text.append(i == from ? "" : ":").append(Integer.toHexString(groups[i]));
        }
        return text.toString();
    }
}
