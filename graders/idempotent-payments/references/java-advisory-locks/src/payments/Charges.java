package payments;

import java.math.BigInteger;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Charges are a state machine: pending, then captured or declined for ever. Who may talk to the provider about a charge is
 * decided by an advisory lock of PostgreSQL that lives as long as a transaction. When this process dies or the connection
 * is cut, the lock is free at once: no lease, no clock. A charge has one ref for ever, so a lost lock can't charge twice.
 */
final class Charges {
    private static final int CALLS = 32; // each holds a connection; the others are for short statements

    private final Settings settings;
    private final Database database;
    private final Provider provider;
    private final Semaphore calls = new Semaphore(CALLS);

    /** One captured charge of a merchant. */
    record Entry(String charge, String amount, String currency) {}

    /** What was captured for a merchant. */
    record Ledger(String merchant, List<Entry> entries, Map<String, String> totals) {}

    Charges(Settings settings, Database database, Provider provider) {
        this.settings = settings;
        this.database = database;
        this.provider = provider;
    }

    /** Stores a charge unless the key is known, and gives it some time to become final. */
    Charge create(String key, Order order) throws SQLException {
        long giveUp = System.nanoTime() + 2 * settings.providerTimeout().toNanos();
        int made = database.update(
                """
                INSERT INTO charges (id, merchant, key, amount, currency, status, next_try)
                VALUES (?, ?, ?, ?, ?, 'pending', now() + ? * interval '1 ms') ON CONFLICT DO NOTHING""",
                "ch-" + newId(), order.merchant(), key, order.amount(), order.currency(), settings.reconcile().toMillis());
        Charge charge = find("merchant = ? AND key = ?", order.merchant(), key).findFirst().orElseThrow();
        if (!charge.order().equals(order)) {
            throw new HttpError(settings.conflictStatus(), "this Idempotency-Key came with another body before");
        }
        if (made == 1) {
            advance(charge, true);
            charge = get(charge.id()).orElseThrow();
        }
        for (int pause = 25; charge.status().equals("pending") && System.nanoTime() < giveUp; pause = Math.min(2 * pause, 200)) {
            Database.pause(pause);
            charge = get(charge.id()).orElseThrow();
        }
        return charge;
    }

    /** Takes news that fits one of our charges for the provider's word. Twice, late or about anything else: it changes nothing. */
    void learn(String id, String type, String merchant, String amount, String currency) throws SQLException {
        Optional<Charge> charge = get(id);
        if (charge.isPresent() && ("captured".equals(type) || "declined".equals(type))) {
            Order order = charge.get().order();
            String owed = Money.format(order.amount(), order.currency());
            if (order.merchant().equals(merchant) && owed.equals(amount) && order.currency().equals(currency)) {
                database.update("UPDATE charges SET status = ? WHERE id = ? AND status = 'pending'", type, id);
            }
        }
    }

    /** Settles what the first call left open, or a killed process. Returns when interrupted. */
    void reconcile() {
        ExecutorService workers = Executors.newFixedThreadPool(CALLS / 2);
        while (!Thread.currentThread().isInterrupted()) {
            try {
                String due = "status = 'pending' AND next_try <= now() ORDER BY next_try LIMIT 64";
                workers.invokeAll(find(due).map(charge -> Executors.callable(() -> advance(charge, false))).toList());
            } catch (SQLException error) {
                Log.warning("reconciler: " + error.getMessage());
            } catch (InterruptedException error) {
                return;
            }
            Database.pause(settings.reconcile().toMillis() / 4);
        }
    }

    /** Talks to the provider unless somebody else does, and commits what came of it. When that fails, reconcile tries again. */
    private void advance(Charge charge, boolean first) {
        try {
            if (calls.tryAcquire(settings.providerTimeout().toMillis() / 2, TimeUnit.MILLISECONDS)) {
                try (Connection connection = database.connection()) {
                    connection.setAutoCommit(false);
                    advance(connection, charge, first);
                    connection.commit();
                } finally {
                    calls.release();
                }
            }
        } catch (SQLException error) {
            Log.warning("charge " + charge.id() + ": " + error.getMessage());
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    private void advance(Connection connection, Charge charge, boolean first) throws SQLException {
        List<Boolean> mine = Database.query(
                connection,
                row -> row.getBoolean(1),
                """
                SELECT pg_try_advisory_xact_lock(hashtextextended(merchant || ' ' || key, 0))
                FROM charges WHERE id = ? AND status = 'pending'""",
                charge.id());
        if (mine.equals(List.of(true))) {
            String status = ask(charge, first).map(Provider.Outcome::status).orElse("pending");
            Database.update(
                    connection,
                    """
                    UPDATE charges SET status = ?, tries = tries + 1,
                        next_try = now() + least(?, 100 * 2 ^ least(tries, 10)) * interval '1 ms'
                    WHERE id = ? AND status = 'pending'""",
                    status, settings.reconcile().toMillis(), charge.id());
        }
    }

    /** Returns an outcome only when the provider stated it. A timeout proves nothing, whatever PSP.md says. */
    private Optional<Provider.Outcome> ask(Charge charge, boolean first) {
        try {
            Optional<Provider.Outcome> known = first ? Optional.empty() : provider.find(charge.id());
            return known.isPresent() ? known : Optional.of(provider.capture(charge.id(), charge.order()));
        } catch (ProviderException error) {
            Log.warning("charge " + charge.id() + ": " + error.getMessage());
            return Optional.empty();
        }
    }

    /** Returns the charge, if there is one. */
    Optional<Charge> get(String id) throws SQLException {
        return find("id = ?", id).findFirst();
    }

    private Stream<Charge> find(String condition, Object... parameters) throws SQLException {
        return database.query(
                        row -> new Charge(
                                row.getString("id"),
                                new Order(row.getString("merchant"), row.getLong("amount"), row.getString("currency")),
                                row.getString("status")),
                        "SELECT * FROM charges WHERE " + condition,
                        parameters)
                .stream();
    }

    /** Returns what was captured for {@code merchant}. */
    Ledger ledger(String merchant) throws SQLException {
        Map<String, BigInteger> sums = new TreeMap<>();
        List<Entry> entries = database.query(
                row -> {
                    String currency = row.getString("currency");
                    long amount = row.getLong("amount");
                    sums.merge(currency, BigInteger.valueOf(amount), BigInteger::add);
                    return new Entry(row.getString("charge"), Money.format(amount, currency), currency);
                },
                "SELECT charge, amount, currency FROM ledger WHERE merchant = ?",
                merchant);
        Map<String, String> totals = new TreeMap<>();
        sums.forEach((currency, sum) -> totals.put(currency, Money.format(sum, currency)));
        return new Ledger(merchant, entries, totals);
    }

    private static String newId() {
        return UUID.randomUUID().toString().replace("-", "");
    }
}
