package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.tree.Tree;
import com.sun.source.util.JavacTask;
import com.sun.source.util.SourcePositions;
import com.sun.source.util.TreeScanner;
import com.sun.source.util.Trees;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import javax.lang.model.element.Modifier;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Limits of size. A budget is a question: what is over it is redesigned, or the budget is raised in the open. */
@Tag("static")
class BudgetTest {
    private static final int METHOD_LINES = 60;
    private static final int PARAMETERS = 6;
    private static final int FILE_LINES = 500;
    private static final double PUBLIC_TYPES = 0.45;
    private static final int FEW_TYPES = 15; // in a room this small a ratio says little
    /** Libraries of values and of system calls: their types are their front door. */
    private static final Set<String> MANY_PUBLIC_TYPES = Set.of("kernel", "linux", "oci", "wire");

    @Test
    void filesAndMethodsStaySmall() throws IOException {
        var over = new ArrayList<String>();
        for (Path file : Project.sources(true)) {
            long lines = Files.readAllLines(file).size();
            if (lines > FILE_LINES) {
                over.add(Project.ROOT.relativize(file) + ": " + lines + " lines");
            }
        }
        scan(Project.sources(true), over);
        assertThat(over).as("over the budget").isEmpty();
    }

    @Test
    void mostTypesArePackagePrivate() throws IOException {
        Map<String, List<Boolean>> byModule = new TreeMap<>();
        for (CompilationUnitTree unit : parse(Project.sources(false))) {
            if (unit.getSourceFile().toUri().getPath().contains("/cri/config/")) {
                continue; // records of what a request says, nothing else
            }
            String module = Project.ROOT
                    .relativize(Path.of(unit.getSourceFile().toUri()))
                    .getName(0)
                    .toString();
            for (Tree type : unit.getTypeDecls()) {
                if (type instanceof ClassTree tree) {
                    byModule.computeIfAbsent(module, _ -> new ArrayList<>())
                            .add(tree.getModifiers().getFlags().contains(Modifier.PUBLIC));
                }
            }
        }
        var over = new ArrayList<String>();
        byModule.forEach((module, types) -> {
            long open = types.stream().filter(isPublic -> isPublic).count();
            if (!MANY_PUBLIC_TYPES.contains(module) && types.size() > FEW_TYPES && open > PUBLIC_TYPES * types.size()) {
                over.add(module + ": " + open + " of " + types.size() + " types are public");
            }
        });
        assertThat(over).as("over the budget").isEmpty();
    }

    private static void scan(List<Path> files, List<String> over) throws IOException {
        JavacTask task = task(files);
        SourcePositions positions = Trees.instance(task).getSourcePositions();
        for (CompilationUnitTree unit : task.parse()) {
            new TreeScanner<Void, Void>() {
                @Override
                public Void visitClass(ClassTree type, Void nothing) {
                    if (type.getKind() == Tree.Kind.RECORD) { // the header of a record is no parameter list
                        type.getMembers().stream()
                                .filter(member -> !isConstructor(member))
                                .forEach(member -> scan(member, null));
                        return null;
                    }
                    return super.visitClass(type, null);
                }

                @Override
                public Void visitMethod(MethodTree method, Void nothing) {
                    judge(unit, method, positions, over);
                    return super.visitMethod(method, null);
                }
            }.scan(unit, null);
        }
    }

    private static boolean isConstructor(Tree member) {
        return member instanceof MethodTree method && method.getName().contentEquals("<init>");
    }

    private static void judge(
            CompilationUnitTree unit, MethodTree method, SourcePositions positions, List<String> over) {
        Path file = Project.ROOT.relativize(Path.of(unit.getSourceFile().toUri()));
        if (method.getParameters().size() > PARAMETERS) {
            over.add(file + " " + method.getName() + ": "
                    + method.getParameters().size() + " parameters");
        }
        if (method.getBody() != null) {
            long first = unit.getLineMap().getLineNumber(positions.getStartPosition(unit, method.getBody()));
            long last = unit.getLineMap().getLineNumber(positions.getEndPosition(unit, method.getBody()));
            if (last - first - 1 > METHOD_LINES) {
                over.add(file + " " + method.getName() + ": " + (last - first - 1) + " lines");
            }
        }
    }

    private static Iterable<? extends CompilationUnitTree> parse(List<Path> files) throws IOException {
        return task(files).parse();
    }

    private static JavacTask task(List<Path> files) {
        var compiler = ToolProvider.getSystemJavaCompiler();
        var manager = compiler.getStandardFileManager(null, null, null);
        return (JavacTask) compiler.getTask(
                null, manager, null, List.of("--release", "25"), null, manager.getJavaFileObjectsFromPaths(files));
    }
}
