package payments;

import java.io.IOException;

/** Starts the service. */
final class Main {
    private Main() {}

    public static void main(String[] arguments) throws IOException {
        Settings settings = Settings.load();
        Database database = new Database(settings.jdbcUrl());
        Charges charges = new Charges(settings, database, new Provider(settings.pspUrl(), settings.providerTimeout()));
        new Thread(() -> {
                    database.migrate();
                    charges.reconcile();
                })
                .start();
        new Web(settings, database, charges).serve();
    }
}
