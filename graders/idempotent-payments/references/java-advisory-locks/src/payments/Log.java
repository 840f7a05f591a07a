package payments;

import java.time.LocalDateTime;
import java.time.temporal.ChronoUnit;

/** Writes one event a line to stderr. */
final class Log {
    private Log() {}

    static void info(String text) {
        write("INFO", text);
    }

    static void warning(String text) {
        write("WARNING", text);
    }

    private static void write(String level, String text) {
        System.err.println(LocalDateTime.now().truncatedTo(ChronoUnit.SECONDS) + " " + level + " " + text);
    }
}
