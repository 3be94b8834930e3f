package dev.berth.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;
import java.util.Optional;
import java.util.zip.ZipException;
import org.jspecify.annotations.Nullable;

/**
 * Inflates with ISA-L, which takes less than half of zlib's time. Not every machine has that library, and its state has no
 * accessors: before it is used at all it must inflate a sample as expected. Not thread-safe.
 *
 * @see <a href="https://github.com/intel/isa-l/blob/master/include/igzip_lib.h">igzip_lib.h</a>
 */
public final class Igzip implements AutoCloseable {
    private static final String LIBRARY = "libisal.so.2";
    private static final int INPUT = 1 << 16;
    private static final int OUTPUT = 1 << 17;

    /** The library's state takes 87368 bytes in version 2.30; a later one may add to its end. */
    private static final int STATE = 1 << 17;

    private static final int NEXT_OUT = 0;
    private static final int AVAILABLE_OUT = 8;
    private static final int NEXT_IN = 16;
    private static final int AVAILABLE_IN = 32;
    private static final int BITS_AHEAD = 36;
    private static final int BLOCK_STATE = 21160;
    private static final int FINISHED = 5;

    private static final @Nullable Functions FUNCTIONS = functions();

    private record Functions(MethodHandle init, MethodHandle inflate) {}

    private final Arena arena = Arena.ofShared();
    private final MemorySegment state = arena.allocate(STATE, 64);
    private final MemorySegment input = arena.allocate(INPUT, 64);
    private final MemorySegment output = arena.allocate(OUTPUT, 64);
    private final Functions functions;

    private Igzip(Functions functions) {
        this.functions = functions;
        reset();
    }

    /** Ready for a raw deflate stream; empty if this machine does not have the library, or one that is not as we know it. */
    public static Optional<Igzip> open() {
        return FUNCTIONS == null ? Optional.empty() : Optional.of(new Igzip(FUNCTIONS));
    }

    private static @Nullable Functions functions() {
        try {
            SymbolLookup library = SymbolLookup.libraryLookup(LIBRARY, Arena.global());
            var functions = new Functions(
                    handle(library, "isal_inflate_init", FunctionDescriptor.ofVoid(ValueLayout.ADDRESS)),
                    handle(library, "isal_inflate", FunctionDescriptor.of(Native.INT, ValueLayout.ADDRESS)));
            return inflatesSample(functions) ? functions : null;
        } catch (IllegalArgumentException | java.util.NoSuchElementException notThere) {
            return null;
        }
    }

    private static MethodHandle handle(SymbolLookup library, String name, FunctionDescriptor descriptor) {
        return Linker.nativeLinker().downcallHandle(library.findOrThrow(name), descriptor);
    }

    /** Twice "berth ", packed; whatever follows is not touched. */
    private static boolean inflatesSample(Functions functions) {
        byte[] packed = {0x4b, 0x4a, 0x2d, 0x2a, (byte) 0xc9, 0x50, 0x48, 0x02, (byte) 0x93, 0x00, 9, 9, 9};
        byte[] expected = {'b', 'e', 'r', 't', 'h', ' ', 'b', 'e', 'r', 't', 'h', ' '};
        byte[] got = new byte[expected.length + 1];
        try (Igzip igzip = new Igzip(functions)) {
            igzip.input(packed, 0, packed.length);
            int count = igzip.inflate(got, 0, got.length);
            return count == expected.length
                    && Arrays.equals(got, 0, count, expected, 0, count)
                    && igzip.finished()
                    && igzip.remaining() == 3;
        } catch (ZipException e) {
            return false;
        }
    }

    /** Ready for another stream; what was left of the input is forgotten. */
    public void reset() {
        try {
            functions.init.invokeExact(state);
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
        state.set(ValueLayout.JAVA_INT, AVAILABLE_IN, 0);
    }

    /**
     * Takes the next bytes of the stream.
     *
     * @param length at most {@value #INPUT}; all before must have been used
     */
    public void input(byte[] bytes, int from, int length) {
        if (remaining() > 0 || length > INPUT) {
            throw new IllegalStateException(remaining() + " bytes are not used yet, " + length + " more are too many");
        }
        MemorySegment.copy(bytes, from, input, ValueLayout.JAVA_BYTE, 0, length);
        state.set(ValueLayout.ADDRESS, NEXT_IN, input);
        state.set(ValueLayout.JAVA_INT, AVAILABLE_IN, length);
    }

    /**
     * Unpacks what it can.
     *
     * @return 0 if it needs input, or is finished
     * @throws ZipException if this is no deflate stream
     */
    public int inflate(byte[] into, int from, int length) throws ZipException {
        int most = Math.min(length, OUTPUT);
        state.set(ValueLayout.ADDRESS, NEXT_OUT, output);
        state.set(ValueLayout.JAVA_INT, AVAILABLE_OUT, most);
        int result;
        try {
            result = (int) functions.inflate.invokeExact(state);
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
        if (result < 0) {
            throw new ZipException("the deflate stream is damaged (" + result + ")");
        }
        int count = most - state.get(ValueLayout.JAVA_INT, AVAILABLE_OUT);
        MemorySegment.copy(output, ValueLayout.JAVA_BYTE, 0, into, from, count);
        return count;
    }

    /** Whether the stream has ended and all of it was given out. */
    public boolean finished() {
        return state.get(ValueLayout.JAVA_INT, BLOCK_STATE) == FINISHED;
    }

    /** Bytes of the input that were not used; what follows the stream once it is finished. */
    public int remaining() {
        int ahead = finished() ? state.get(ValueLayout.JAVA_INT, BITS_AHEAD) / Byte.SIZE : 0;
        return state.get(ValueLayout.JAVA_INT, AVAILABLE_IN) + ahead;
    }

    @Override
    public void close() {
        arena.close();
    }
}
