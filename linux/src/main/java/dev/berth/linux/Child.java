package dev.berth.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A process that we started, by posix_spawn(3): its program, arguments, environment, directory and descriptors are
 * exactly those of its {@link Command}, nothing is inherited by accident; its signals have their default dispositions and
 * none is blocked.
 *
 * <p>It is born in the namespaces and the cgroup of the <em>thread</em> that calls {@link Command#spawn()}. That call
 * holds the thread until the program is loaded, about a millisecond, so it may be a virtual one.
 *
 * <p>Every child must be reaped once, by {@link #await}; closing lets go of it without ending it.
 */
public final class Child implements AutoCloseable {
    private static final int ACTIONS_BYTES = 256; // posix_spawn_file_actions_t is 80 bytes in glibc
    private static final int ATTRIBUTES_BYTES = 512; // posix_spawnattr_t is 336
    private static final int SIGSET_BYTES = 128;
    private static final short SETSIGDEF = 0x04;
    private static final short SETSIGMASK = 0x08;
    private static final short SETSID = 0x80;

    private static final MethodHandle SPAWN = Native.plain(
            "posix_spawn",
            Native.INT,
            Native.POINTER,
            Native.POINTER,
            Native.POINTER,
            Native.POINTER,
            Native.POINTER,
            Native.POINTER);
    private static final MethodHandle ACTIONS_INIT =
            Native.plain("posix_spawn_file_actions_init", Native.INT, Native.POINTER);
    private static final MethodHandle ACTIONS_DESTROY =
            Native.plain("posix_spawn_file_actions_destroy", Native.INT, Native.POINTER);
    private static final MethodHandle ADD_DUP2 =
            Native.plain("posix_spawn_file_actions_adddup2", Native.INT, Native.POINTER, Native.INT, Native.INT);
    private static final MethodHandle ADD_CLOSE =
            Native.plain("posix_spawn_file_actions_addclose", Native.INT, Native.POINTER, Native.INT);
    private static final MethodHandle ADD_CLOSE_FROM =
            Native.plain("posix_spawn_file_actions_addclosefrom_np", Native.INT, Native.POINTER, Native.INT);
    private static final MethodHandle ADD_CHDIR =
            Native.plain("posix_spawn_file_actions_addchdir_np", Native.INT, Native.POINTER, Native.POINTER);
    private static final MethodHandle ATTR_INIT = Native.plain("posix_spawnattr_init", Native.INT, Native.POINTER);
    private static final MethodHandle ATTR_DESTROY =
            Native.plain("posix_spawnattr_destroy", Native.INT, Native.POINTER);
    private static final MethodHandle ATTR_SET_FLAGS =
            Native.plain("posix_spawnattr_setflags", Native.INT, Native.POINTER, ValueLayout.JAVA_SHORT);
    private static final MethodHandle ATTR_SET_SIGDEFAULT =
            Native.plain("posix_spawnattr_setsigdefault", Native.INT, Native.POINTER, Native.POINTER);
    private static final MethodHandle ATTR_SET_SIGMASK =
            Native.plain("posix_spawnattr_setsigmask", Native.INT, Native.POINTER, Native.POINTER);

    private final Pidfd pidfd;

    private Child(Pidfd pidfd) {
        this.pidfd = pidfd;
    }

    /**
     * Begins a command.
     *
     * @param program the file to run, not looked up in any PATH; an {@link Fd#procPath()} runs what is open there
     * @param argv the arguments, the program's name first
     */
    public static Command command(Path program, List<String> argv) {
        return new Command(program, argv);
    }

    /** Begins a command whose first argument is the program's path. */
    public static Command command(String program, String... arguments) {
        List<String> argv = new ArrayList<>(arguments.length + 1);
        argv.add(program);
        argv.addAll(List.of(arguments));
        return new Command(Path.of(program), argv);
    }

    public int pid() {
        return pidfd.pid();
    }

    /** The handle of the process; it stays this object's. */
    public Pidfd pidfd() {
        return pidfd;
    }

    /**
     * Waits for the end and takes the exit status; once.
     *
     * @return empty if the time is over
     */
    public Optional<ExitStatus> await(Duration limit) throws LinuxException, InterruptedException {
        return pidfd.awaitAndReap(limit);
    }

    /** Kills with SIGKILL; harmless if it has ended. */
    public void kill() throws LinuxException {
        pidfd.signal(Signals.KILL);
    }

    /**
     * Kills it and all that it has started, as far as that has stayed in its session; for one that leads a session of its own
     * and has not been waited for, so that its number is nobody else's.
     */
    public void killSession() throws LinuxException {
        Signals.send(-pid(), Signals.KILL);
        kill();
    }

    /** Lets go of the handle; the process runs on. */
    @Override
    public void close() {
        pidfd.close();
    }

    @Override
    public String toString() {
        return "child " + pid();
    }

    /** What to run and how. Not thread-safe; may be spawned more than once. */
    public static final class Command {
        private final Path program;
        private final List<String> argv;
        private final SortedMap<Integer, Fd> descriptors = new TreeMap<>();
        private Map<String, String> environment = Map.of();
        private @Nullable Path directory;
        private boolean newSession;

        private Command(Path program, List<String> argv) {
            if (argv.isEmpty()) {
                throw new IllegalArgumentException("a command needs at least its name");
            }
            this.program = program;
            this.argv = List.copyOf(argv);
        }

        /** The whole environment; empty unless set. */
        public Command environment(Map<String, String> all) {
            environment = new LinkedHashMap<>(all);
            return this;
        }

        /** The working directory; this process's own unless set. */
        public Command directory(Path where) {
            directory = where;
            return this;
        }

        /** What the child shall have open as this number, in the state (blocking or not) that it has here. */
        public Command descriptor(int number, Fd open) {
            if (number < 0) {
                throw new IllegalArgumentException("not a descriptor number: " + number);
            }
            descriptors.put(number, open);
            return this;
        }

        /** Standard input, output and error; where null is given the child gets /dev/null. */
        public Command stdio(@Nullable Fd input, @Nullable Fd output, @Nullable Fd error) {
            put(0, input);
            put(1, output);
            put(2, error);
            return this;
        }

        private void put(int number, @Nullable Fd open) {
            if (open == null) {
                descriptors.remove(number);
            } else {
                descriptors.put(number, open);
            }
        }

        /** Makes it the leader of a new session, without a terminal and out of reach of our terminal's signals. */
        public Command newSession() {
            newSession = true;
            return this;
        }

        /**
         * Starts it. Descriptors 0, 1 and 2 that are not set are /dev/null.
         *
         * @throws LinuxException ENOENT, EACCES, ENOEXEC … if the program or the directory cannot be used
         */
        public Child spawn() throws LinuxException {
            List<Fd> borrowed = new ArrayList<>();
            try (Arena memory = Arena.ofConfined()) {
                SortedMap<Integer, Fd> sources = sources(borrowed);
                MemorySegment actions = memory.allocate(ACTIONS_BYTES, 16);
                MemorySegment attributes = memory.allocate(ATTRIBUTES_BYTES, 16);
                must((int) ACTIONS_INIT.invokeExact(actions), "prepare");
                must((int) ATTR_INIT.invokeExact(attributes), "prepare");
                try {
                    setActions(memory, actions, sources);
                    setAttributes(memory, attributes);
                    return new Child(Pidfd.open(run(memory, actions, attributes)));
                } finally {
                    int _ = (int) ACTIONS_DESTROY.invokeExact(actions);
                    int _ = (int) ATTR_DESTROY.invokeExact(attributes);
                }
            } catch (LinuxException e) {
                throw e;
            } catch (Throwable e) {
                throw Native.impossible(e);
            } finally {
                borrowed.forEach(Fd::close);
            }
        }

        /**
         * Duplicates above all targets, so that putting one in its place never overwrites another that is still needed.
         * These are close-on-exec and closed after the spawn.
         */
        private SortedMap<Integer, Fd> sources(List<Fd> borrowed) throws LinuxException {
            int above = Math.max(2, descriptors.isEmpty() ? 0 : descriptors.lastKey()) + 1;
            SortedMap<Integer, Fd> sources = new TreeMap<>();
            for (Map.Entry<Integer, Fd> wanted : descriptors.entrySet()) {
                Fd copy = wanted.getValue().dupFrom(above);
                borrowed.add(copy);
                sources.put(wanted.getKey(), copy);
            }
            for (int standard = 0; standard <= 2; standard++) {
                if (!sources.containsKey(standard)) {
                    try (Fd nothing = Fd.open(Path.of("/dev/null"), Fd.O_RDWR)) {
                        Fd copy = nothing.dupFrom(above);
                        borrowed.add(copy);
                        sources.put(standard, copy);
                    }
                }
            }
            return sources;
        }

        private void setActions(Arena memory, MemorySegment actions, SortedMap<Integer, Fd> sources) throws Throwable {
            if (directory != null) {
                MemorySegment where = memory.allocateFrom(directory.toString());
                must((int) ADD_CHDIR.invokeExact(actions, where), "set the directory of");
            }
            for (Map.Entry<Integer, Fd> wanted : sources.entrySet()) {
                int from = wanted.getValue().number();
                int to = wanted.getKey();
                must((int) ADD_DUP2.invokeExact(actions, from, to), "set a descriptor of");
            }
            int last = sources.lastKey();
            for (int between = 0; between < last; between++) {
                if (!sources.containsKey(between)) {
                    must((int) ADD_CLOSE.invokeExact(actions, between), "close a descriptor of");
                }
            }
            // Not all that is open in a JVM is close-on-exec: NIO channels are not.
            must((int) ADD_CLOSE_FROM.invokeExact(actions, last + 1), "close the descriptors of");
        }

        private void setAttributes(Arena memory, MemorySegment attributes) throws Throwable {
            MemorySegment all = memory.allocate(SIGSET_BYTES, 8).fill((byte) 0xff);
            MemorySegment none = memory.allocate(SIGSET_BYTES, 8);
            short flags = (short) (SETSIGDEF | SETSIGMASK | (newSession ? SETSID : 0));
            must((int) ATTR_SET_SIGDEFAULT.invokeExact(attributes, all), "set the signals of");
            must((int) ATTR_SET_SIGMASK.invokeExact(attributes, none), "set the signals of");
            must((int) ATTR_SET_FLAGS.invokeExact(attributes, flags), "set the flags of");
        }

        private int run(Arena memory, MemorySegment actions, MemorySegment attributes) throws Throwable {
            MemorySegment pid = memory.allocate(ValueLayout.JAVA_INT);
            List<String> variables = new ArrayList<>(environment.size());
            environment.forEach((name, value) -> variables.add(name + "=" + value));
            MemorySegment path = memory.allocateFrom(programPath());
            MemorySegment arguments = strings(memory, argv);
            MemorySegment environ = strings(memory, variables);
            must((int) SPAWN.invokeExact(pid, path, actions, attributes, arguments, environ), "start");
            return pid.get(ValueLayout.JAVA_INT, 0);
        }

        /** The child closes our descriptors before it looks for its program, so "self" must be us, not the child. */
        private String programPath() {
            String path = program.toString();
            String self = "/proc/self/fd/";
            return path.startsWith(self)
                    ? "/proc/" + ProcessHandle.current().pid() + "/fd/" + path.substring(self.length())
                    : path;
        }

        private static MemorySegment strings(Arena memory, List<String> values) {
            MemorySegment array = memory.allocate(ValueLayout.ADDRESS, values.size() + 1L);
            for (int i = 0; i < values.size(); i++) {
                String value = values.get(i);
                if (value.indexOf('\0') >= 0) {
                    throw new IllegalArgumentException("argument or variable " + i + " has a zero byte in it");
                }
                array.setAtIndex(ValueLayout.ADDRESS, i, memory.allocateFrom(value));
            }
            array.setAtIndex(ValueLayout.ADDRESS, values.size(), MemorySegment.NULL);
            return array;
        }

        private void must(int error, String what) throws LinuxException {
            if (error != 0) {
                throw new LinuxException(what + " " + program, error);
            }
        }
    }
}
