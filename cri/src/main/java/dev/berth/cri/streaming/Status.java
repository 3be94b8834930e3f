package dev.berth.cri.streaming;

import dev.berth.kernel.JsonString;
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
                "{\"metadata\":{},\"status\":\"Failure\",\"message\":" + JsonString.of(message)
                        + ",\"reason\":\"NonZeroExitCode\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\",\"message\":\""
                        + code + "\"}]}}",
                message);
    }

    static Status failed(String why) {
        String message = "Internal error occurred: " + why;
        return new Status(
                "{\"metadata\":{},\"status\":\"Failure\",\"message\":" + JsonString.of(message)
                        + ",\"reason\":\"InternalError\",\"details\":{\"causes\":[{\"message\":" + JsonString.of(why)
                        + "}]},\"code\":500}",
                message);
    }

    byte[] bytes(boolean structured) {
        return (structured ? json : text).getBytes(StandardCharsets.UTF_8);
    }
}
