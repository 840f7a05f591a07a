package payments;

import java.math.BigInteger;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;

/** Creates charges and reads them back: most of your work is here. */
final class Charges {
    private static final int ATTEMPTS = 2;

    private final Database database;
    private final Provider provider;

    /** One captured charge of a merchant. */
    record Entry(String charge, String amount, String currency) {}

    /** What was captured for a merchant. */
    record Ledger(String merchant, List<Entry> entries, Map<String, String> totals) {}

    Charges(Database database, Provider provider) {
        this.database = database;
        this.provider = provider;
    }

    /** Charges the customer and returns the charge. */
    Charge create(String key, Order order) throws SQLException, ProviderException {
        String id = "ch-" + newId();
        database.update(
                "INSERT INTO charges (id, merchant, amount, currency, status) VALUES (?, ?, ?, ?, 'pending')",
                id, order.merchant(), order.amount(), order.currency());
        String status = capture(order).status();
        database.update("UPDATE charges SET status = ? WHERE id = ?", status, id);
        if (status.equals("captured")) {
            database.update(
                    "INSERT INTO ledger (charge, merchant, amount, currency) VALUES (?, ?, ?, ?)",
                    id, order.merchant(), order.amount(), order.currency());
        }
        return new Charge(id, order, status);
    }

    private Provider.Outcome capture(Order order) throws ProviderException {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            try {
                return provider.capture("ref-" + newId(), order);
            } catch (ProviderException.NoAnswer error) {
                // PSP.md: if a call times out, nothing was captured.
                Log.warning("charging again with a new ref: " + error.getMessage());
            }
        }
        return new Provider.Outcome("declined", null);
    }

    /** Returns the charge, if there is one. */
    Optional<Charge> get(String id) throws SQLException {
        return database.query(
                        row -> new Charge(
                                row.getString("id"),
                                new Order(row.getString("merchant"), row.getLong("amount"), row.getString("currency")),
                                row.getString("status")),
                        "SELECT * FROM charges WHERE id = ?",
                        id)
                .stream()
                .findFirst();
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
