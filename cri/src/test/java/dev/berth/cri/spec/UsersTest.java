package dev.berth.cri.spec;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.cri.config.GroupsPolicy;
import dev.berth.kernel.Fault;
import dev.berth.linux.Dir;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class UsersTest {
    private static final String PASSWD = """
            root:x:0:0:root:/root:/bin/sh
            # a comment
            #former:x:1002:77::/:/bin/sh
            -barred:x:1003:77::/:/bin/sh
            +nis
            broken
            www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
            default-user:x:1000:1000::/home:/bin/sh
            4294967296:x:0:0:a trap for numbers out of range:/:/bin/sh
            1000000000000:x:0:0:another:/:/bin/sh
            empty::::::
            minus:x:-1:0::/:/bin/sh
            huge:x:99999999999999999999:0::/:/bin/sh
            badgroup:x:7:x::/:/bin/sh
            """;
    private static final String GROUP = """
            root:x:0:
            www-data:x:33:
            group-defined-in-image:x:50000:default-user
            staff:x:50:other,www-data,root
            odd:x:nan:oddly
            """;

    @TempDir
    Path root;

    private Dir dir;
    private Users users;
    private final Requests with = new Requests();

    @BeforeEach
    void image() throws IOException {
        Files.createDirectory(root.resolve("etc"));
        Files.writeString(root.resolve("etc/passwd"), PASSWD);
        Files.writeString(root.resolve("etc/group"), GROUP);
        dir = Dir.open(root);
        users = new Users(ImageFiles.in(dir));
    }

    @AfterEach
    void close() {
        dir.close();
    }

    private ImageUser ofImage(String user) {
        return users.find(null, user);
    }

    private ImageUser asked(String imageUser) {
        return users.find(with.security().build(), imageUser);
    }

    @ParameterizedTest
    @CsvSource({
        "'', 0, 0, 0 50",
        "root, 0, 0, 0 50",
        "0, 0, 0, 0 50",
        "1002, 1002, 0, 0",
        "www-data, 33, 33, 33 50",
        "33, 33, 33, 33 50",
        "1003:1004, 1003, 1004, 1004",
        "www-data:1004, 33, 1004, 1004 50",
        "www-data:staff, 33, 50, 50",
        "1000, 1000, 1000, 1000 50000",
        "2147483647, 2147483647, 0, 0",
    })
    void theImagesUser(String user, long uid, long gid, String groups) {
        ImageUser found = ofImage(user);
        assertThat(found.uid()).isEqualTo(uid);
        assertThat(found.gid()).isEqualTo(gid);
        assertThat(found.groups())
                .containsExactlyElementsOf(List.of(groups.split(" ", -1)).stream()
                        .map(Long::valueOf)
                        .toList());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "2147483648", "4294967296", "1000000000000", "99999999999999999999999", "-1", "+0", "0x0", " 0", "0 ",
                        "no-one",
                ":", ":0", "0:", "www-data:", "root:nobody-group", "root:-1", "root:4294967296", "empty", "minus",
                        "huge",
                "badgroup", "broken", "+nis", "#", "root\n", "a/b", "root:root:root", "\0", "٠"
            })
    void whatCannotBeUnderstoodIsNeverRoot(String user) {
        assertThatThrownBy(() -> ofImage(user))
                .isInstanceOfSatisfying(Fault.class, f -> assertThat(f.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT));
    }

    @Test
    void theRequestGoesFirst() {
        with.security().uid = 5L;
        assertThat(asked("www-data:www-data")).isEqualTo(new ImageUser(5, 0, List.of(0L)));
        with.security().gid = 6L;
        assertThat(asked("www-data")).isEqualTo(new ImageUser(5, 6, List.of(6L)));
        with.security().uid = 33L;
        with.security().gid = null;
        assertThat(asked("")).isEqualTo(new ImageUser(33, 33, List.of(33L, 50L)));
        with.security().uid = null;
        with.security().username = "default-user";
        assertThat(asked("")).isEqualTo(new ImageUser(1000, 1000, List.of(1000L, 50000L)));
        with.security().gid = 9L;
        assertThat(asked("")).isEqualTo(new ImageUser(1000, 9, List.of(9L, 50000L)));
    }

    @Test
    void aGroupAloneIsAnError() {
        with.security().gid = 6L;
        assertThatThrownBy(() -> asked("www-data")).isInstanceOf(Fault.class).hasMessageContaining("without a user");
    }

    @Test
    void groupsAreMergedOrNot() {
        with.security().groups = List.of(60000L, 1000L);
        assertThat(asked("1000").groups()).containsExactly(1000L, 50000L, 60000L);
        with.security().policy = GroupsPolicy.STRICT;
        assertThat(asked("1000").groups()).containsExactly(1000L, 60000L);
    }

    @Test
    void numbersOfTheRequestHaveARange() {
        with.security().uid = -1L;
        assertThatThrownBy(() -> asked("")).isInstanceOf(Fault.class);
        with.security().uid = 1L << 32;
        assertThatThrownBy(() -> asked("")).isInstanceOf(Fault.class);
        with.security().uid = 1L;
        with.security().groups = List.of(1L << 31);
        assertThatThrownBy(() -> asked("")).isInstanceOf(Fault.class);
    }

    @Test
    void anImageWithoutFilesKnowsNumbersOnly() throws IOException {
        Files.delete(root.resolve("etc/passwd"));
        Files.delete(root.resolve("etc/group"));
        Files.delete(root.resolve("etc"));
        assertThat(ofImage("7:8")).isEqualTo(new ImageUser(7, 8, List.of(8L)));
        assertThat(ofImage("")).isEqualTo(ImageUser.ROOT);
        assertThatThrownBy(() -> ofImage("root")).isInstanceOf(Fault.class);
    }

    @Test
    void linksStayInsideTheImage() throws IOException {
        Files.delete(root.resolve("etc/passwd"));
        Files.createSymbolicLink(root.resolve("etc/passwd"), Path.of("/etc/mine")); // absolute, and ../ beyond the root
        Files.createSymbolicLink(root.resolve("etc/mine"), Path.of("../../../../../data/passwd"));
        Files.createDirectory(root.resolve("data"));
        Files.writeString(root.resolve("data/passwd"), "inner:x:42:43::/:/bin/sh\n");
        assertThat(ofImage("inner").uid()).isEqualTo(42);
    }

    @Test
    void onlyRegularFilesOfBearableSizeAreRead() throws Exception {
        Path passwd = root.resolve("etc/passwd");
        Files.delete(passwd);
        Files.createSymbolicLink(passwd, Path.of("/etc/loop"));
        Files.createSymbolicLink(root.resolve("etc/loop"), Path.of("/etc/passwd"));
        assertThatThrownBy(() -> ofImage("root")).isInstanceOf(Fault.class);
        Files.delete(passwd);
        Files.createDirectory(passwd);
        assertThatThrownBy(() -> ofImage("root")).isInstanceOf(Fault.class).hasMessageContaining("no regular file");
        Files.delete(passwd);
        new ProcessBuilder("mkfifo", passwd.toString()).start().waitFor();
        assertThatThrownBy(() -> ofImage("root")).isInstanceOf(Fault.class).hasMessageContaining("no regular file");
        Files.delete(passwd);
        new ProcessBuilder("mknod", passwd.toString(), "c", "1", "5").start().waitFor();
        assertThatThrownBy(() -> ofImage("root")).isInstanceOf(Fault.class).hasMessageContaining("no regular file");
        Files.delete(passwd);
        try (var file = new RandomAccessFile(passwd.toFile(), "rw")) {
            file.setLength(2L << 30); // sparse
        }
        assertThatThrownBy(() -> ofImage("root")).isInstanceOf(Fault.class).hasMessageContaining("larger than");
    }

    @Test
    void namesInOtherEncodingsDoNotConfuseIt() throws IOException {
        byte[] strange = {(byte) 0xff, ':', 'x', ':', '0', ':', '0', '\n'};
        byte[] plain = "plain:x:5:5::/:/bin/sh".getBytes(UTF_8);
        byte[] both = new byte[strange.length + plain.length];
        System.arraycopy(strange, 0, both, 0, strange.length);
        System.arraycopy(plain, 0, both, strange.length, plain.length);
        Files.write(root.resolve("etc/passwd"), both);
        assertThat(ofImage("plain").uid()).isEqualTo(5);
    }
}
