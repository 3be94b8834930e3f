package dev.berth.cri.streaming;

import java.nio.charset.StandardCharsets;

/**
 * How a command ended, as clients want to be told: Kubernetes' metav1.Status in JSON since v4 of the protocol, before that
 * a text, and only if something went wrong.
 *
 * @param json for v4 and later
 * @param text for older ones; empty if all is well
 */
record Status(String json, String text) {
    private static final Status SUCCESS = new Status("{\"metadata\":{},\"status\":\"Success\"}", "");

    static Status exited(int code) {
        if (code == 0) {
            return SUCCESS;
        }
        String message = "command terminated with non-zero exit code: exit code " + code;
        return new Status(
                "{\"metadata\":{},\"status\":\"Failure\",\"message\":" + quoted(message)
                        + ",\"reason\":\"NonZeroExitCode\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\",\"message\":\""
                        + code + "\"}]}}",
                message);
    }

    static Status failed(String why) {
        String message = "Internal error occurred: " + why;
        return new Status(
                "{\"metadata\":{},\"status\":\"Failure\",\"message\":" + quoted(message)
                        + ",\"reason\":\"InternalError\",\"details\":{\"causes\":[{\"message\":" + quoted(why)
                        + "}]},\"code\":500}",
                message);
    }

    byte[] bytes(boolean structured) {
        return (structured ? json : text).getBytes(StandardCharsets.UTF_8);
    }

    private static String quoted(String text) {
        var quoted = new StringBuilder("\"");
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                quoted.append('\\').append(c);
            } else if (c < ' ') {
                quoted.append(String.format("\\u%04x", (int) c));
            } else {
                quoted.append(c);
            }
        }
        return quoted.append('"').toString();
    }
}
