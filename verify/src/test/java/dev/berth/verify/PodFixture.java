package dev.berth.verify;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Pods and containers as crictl's files describe them. */
final class PodFixture {
    private final Berth berth;

    PodFixture(Berth berth) {
        this.berth = berth;
    }

    /** A pod's description; each name is another pod. */
    String podFile(String name) throws IOException {
        return podFile(name, "{}");
    }

    /** @param linux the JSON of its Linux part */
    String podFile(String name, String linux) throws IOException {
        return file("pod-" + name, """
                {"metadata": {"name": "%s", "namespace": "default", "uid": "uid-%s"},
                 "log_directory": "%s", "linux": %s}""".formatted(name, name, berth.logs(), linux));
    }

    /** A container that runs a shell script and logs to {@code NAME.log}. */
    String containerFile(String name, String script) throws IOException {
        return containerFile(name, berth.image("busybox"), "\"sh\", \"-c\", \"" + script + "\"", "");
    }

    /** @param more further JSON members, each with a comma before it */
    String containerFile(String name, String image, String command, String more) throws IOException {
        return file("container-" + name, """
                {"metadata": {"name": "%s"}, "image": {"image": "%s"}, "command": [%s],
                 "log_path": "%s.log"%s}""".formatted(name, image, command, name, more));
    }

    String run(String name) throws IOException {
        return berth.crictl("runp", podFile(name)).text();
    }

    String create(String pod, String podName, String containerFile) throws IOException {
        return berth.crictl("create", pod, containerFile, podFile(podName)).text();
    }

    /** Creates and starts. */
    String start(String pod, String podName, String containerFile) throws IOException {
        String id = create(pod, podName, containerFile);
        berth.crictl("start", id).text();
        return id;
    }

    /** The text of a container's log, without time stamps. */
    String log(String name) {
        return Berth.read(berth.logs().resolve(name + ".log"));
    }

    private String file(String name, String json) throws IOException {
        Path file = berth.folder().resolve(name + ".json");
        return Files.writeString(file, json).toString();
    }
}
