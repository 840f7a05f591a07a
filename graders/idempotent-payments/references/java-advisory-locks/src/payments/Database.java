package payments;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** PostgreSQL: a pool that recovers when the database was away, and migrations. */
final class Database {
    private static final int POOL_SIZE = 48;
    private static final int MIGRATIONS_LOCK = 7001; // any number: two processes that start at once migrate one after the other

    private final HikariDataSource pool;
    private volatile boolean migrated;

    /** Reads one row. */
    interface Row<T> {
        T read(ResultSet row) throws SQLException;
    }

    Database(String jdbcUrl) {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(jdbcUrl);
        config.setMaximumPoolSize(POOL_SIZE);
        // Connections are made on demand and given up soon: no long backoff after the database was away.
        config.setMinimumIdle(0);
        config.setConnectionTimeout(2000);
        config.setValidationTimeout(500);
        config.setInitializationFailTimeout(-1);
        config.addDataSourceProperty("connectTimeout", "2");
        config.addDataSourceProperty("socketTimeout", "5");
        config.addDataSourceProperty("options", "-c statement_timeout=3000 -c idle_in_transaction_session_timeout=10000");
        config.addDataSourceProperty("assumeMinServerVersion", "15");
        pool = new HikariDataSource(config);
    }

    /** A connection that commits each statement by itself. Close it to give it back. */
    Connection connection() throws SQLException {
        return pool.getConnection();
    }

    /** Runs one statement, which commits by itself; after an exception it may or may not have been done. */
    int update(String sql, Object... parameters) throws SQLException {
        try (Connection connection = connection()) {
            return update(connection, sql, parameters);
        }
    }

    /** Runs one query. */
    <T> List<T> query(Row<T> row, String sql, Object... parameters) throws SQLException {
        try (Connection connection = connection()) {
            return query(connection, row, sql, parameters);
        }
    }

    static int update(Connection connection, String sql, Object... parameters) throws SQLException {
        try (PreparedStatement statement = prepare(connection, sql, parameters)) {
            return statement.executeUpdate();
        }
    }

    static <T> List<T> query(Connection connection, Row<T> row, String sql, Object... parameters) throws SQLException {
        try (PreparedStatement statement = prepare(connection, sql, parameters);
                ResultSet result = statement.executeQuery()) {
            List<T> rows = new ArrayList<>();
            while (result.next()) {
                rows.add(row.read(result));
            }
            return rows;
        }
    }

    private static PreparedStatement prepare(Connection connection, String sql, Object... parameters) throws SQLException {
        PreparedStatement statement = connection.prepareStatement(sql);
        for (int i = 0; i < parameters.length; i++) {
            statement.setObject(i + 1, parameters[i]);
        }
        return statement;
    }

    /** Says whether the schema is there and the database answers. */
    boolean ready() {
        try {
            return migrated && !query(row -> row.getInt(1), "SELECT 1").isEmpty();
        } catch (SQLException error) {
            return false;
        }
    }

    /** Runs what is new in migrations/; returns when it is done, however long the database is away. */
    void migrate() {
        while (!migrated) {
            try (Connection connection = connection()) {
                connection.setAutoCommit(false);
                migrate(connection);
                connection.commit();
                migrated = true;
            } catch (SQLException | IOException error) {
                Log.warning("cannot migrate yet: " + error.getMessage());
                pause(200);
            }
        }
    }

    private static void migrate(Connection connection) throws SQLException, IOException {
        try (Statement statement = connection.createStatement();
                Stream<Path> files = Files.list(Path.of("migrations"))) {
            statement.execute("SELECT pg_advisory_xact_lock(" + MIGRATIONS_LOCK + ")");
            statement.execute("CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY)");
            for (Path file : files.sorted().toList()) {
                String name = file.getFileName().toString();
                if (update(connection, "INSERT INTO migrations VALUES (?) ON CONFLICT DO NOTHING", name) == 1) {
                    statement.execute(Files.readString(file));
                    Log.info("migrated " + name);
                }
            }
        }
    }

    static void pause(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }
}
