package payments;

import java.time.Duration;
import java.util.Map;

/** What the environment says. */
record Settings(
        int port,
        String jdbcUrl,
        String pspUrl,
        int conflictStatus,
        String capturedState,
        Duration providerTimeout,
        Duration reconcile) {

    static Settings load() {
        Map<String, String> env = System.getenv();
        return new Settings(
                Integer.parseInt(env.getOrDefault("PORT", "8080")),
                required(env, "JDBC_URL"),
                required(env, "PSP_URL"),
                Integer.parseInt(env.getOrDefault("CONFLICT_STATUS", "409")),
                env.getOrDefault("CAPTURED_STATE", "captured"),
                seconds(env.getOrDefault("PROVIDER_TIMEOUT_SECONDS", "1.0")),
                seconds(env.getOrDefault("RECONCILE_SECONDS", "1.0")));
    }

    private static String required(Map<String, String> env, String name) {
        String value = env.get(name);
        if (value == null) {
            throw new IllegalStateException("expected " + name + " in the environment");
        }
        return value;
    }

    private static Duration seconds(String value) {
        return Duration.ofMillis(Math.round(Double.parseDouble(value) * 1000));
    }
}
