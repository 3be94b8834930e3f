package dev.berth.wire;

import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.EnumDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.Descriptors.MethodDescriptor;
import com.google.protobuf.Descriptors.ServiceDescriptor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/** A protocol as text: each service, message and enum with its lines, read from a table or from compiled descriptors. */
final class Table {
    private final SortedMap<String, SortedSet<String>> items = new TreeMap<>();

    static Table read(Path file) throws IOException {
        var table = new Table();
        SortedSet<String> lines = new TreeSet<>();
        for (String line : Files.readAllLines(file)) {
            if (line.startsWith("  ")) {
                lines.add(line.strip());
            } else if (!line.startsWith("#")) {
                lines = table.items.computeIfAbsent(line.strip(), _ -> new TreeSet<>());
            }
        }
        return table;
    }

    void add(Table other) {
        items.putAll(other.items);
    }

    void add(FileDescriptor file) {
        file.getServices().forEach(this::add);
        file.getMessageTypes().forEach(this::add);
        file.getEnumTypes().forEach(this::add);
    }

    SortedMap<String, SortedSet<String>> items() {
        return items;
    }

    private void add(ServiceDescriptor service) {
        var lines = new TreeSet<String>();
        for (MethodDescriptor method : service.getMethods()) {
            lines.add("rpc " + method.getName() + (method.isClientStreaming() ? " stream " : " ")
                    + method.getInputType().getFullName() + " -> " + (method.isServerStreaming() ? "stream " : "")
                    + method.getOutputType().getFullName());
        }
        items.put("service " + service.getFullName(), lines);
    }

    private void add(Descriptor message) {
        if (message.getOptions().getMapEntry()) {
            return;
        }
        var lines = new TreeSet<String>();
        message.getFields().forEach(field -> lines.add(line(field)));
        message.toProto()
                .getReservedRangeList()
                .forEach(range -> lines.add("reserved " + range.getStart() + ".." + (range.getEnd() - 1)));
        items.put("message " + message.getFullName(), lines);
        message.getNestedTypes().forEach(this::add);
        message.getEnumTypes().forEach(this::add);
    }

    private void add(EnumDescriptor type) {
        var lines = new TreeSet<String>();
        type.getValues().forEach(value -> lines.add(value.getNumber() + " " + value.getName()));
        items.put("enum " + type.getFullName(), lines);
    }

    private static String line(FieldDescriptor field) {
        String repeated = field.isRepeated() && !field.isMapField() ? "repeated " : "";
        String optional = field.toProto().getProto3Optional() ? " optional" : "";
        String deprecated = field.getOptions().getDeprecated() ? " deprecated" : "";
        return field.getNumber() + " " + repeated + type(field) + " " + field.getName() + deprecated + optional;
    }

    private static String type(FieldDescriptor field) {
        if (field.isMapField()) {
            Descriptor entry = field.getMessageType();
            return "map<" + type(entry.findFieldByNumber(1)) + "," + type(entry.findFieldByNumber(2)) + ">";
        }
        return switch (field.getJavaType()) {
            case MESSAGE -> field.getMessageType().getFullName();
            case ENUM -> field.getEnumType().getFullName();
            default -> field.getType().name().toLowerCase(Locale.ROOT);
        };
    }
}
