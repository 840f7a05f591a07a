package payments;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Executors;

/** Routes and answers. */
final class Web {
    private static final int MAX_BODY = 64 * 1024;
    private static final int THREADS = 96; // 64 requests in flight may all wait for the provider; webhooks and reads come on top

    private final Settings settings;
    private final Database database;
    private final Charges charges;
    private final Gson gson = new GsonBuilder().disableHtmlEscaping().create();

    private record Answer(int status, Object body) {}

    Web(Settings settings, Database database, Charges charges) {
        this.settings = settings;
        this.database = database;
        this.charges = charges;
    }

    void serve() throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(settings.port()), 256);
        server.setExecutor(Executors.newFixedThreadPool(THREADS));
        server.createContext("/", this::handle);
        server.start();
        Log.info("listening on :" + settings.port());
    }

    private Answer route(HttpExchange exchange) throws IOException, SQLException, ProviderException {
        String path = exchange.getRequestURI().getRawPath();
        boolean post = exchange.getRequestMethod().equals("POST");
        boolean get = exchange.getRequestMethod().equals("GET");
        if (path.startsWith("/charges/") && get) {
            return read(decode(path.substring("/charges/".length())));
        }
        return switch (path) {
            case "/health" -> health();
            case "/charges" -> post ? create(exchange) : notAllowed();
            case "/ledger" -> get ? ledger(exchange) : notAllowed();
            case "/webhooks/psp" -> post ? webhook(exchange) : notAllowed();
            default -> throw new HttpError(404, "not found");
        };
    }

    private Answer health() {
        boolean ready = database.ready();
        return new Answer(ready ? 200 : 503, Map.of("ready", ready));
    }

    private Answer create(HttpExchange exchange) throws IOException, SQLException, ProviderException {
        String key = exchange.getRequestHeaders().getFirst("Idempotency-Key");
        Validation.name("the header Idempotency-Key", key);
        Charge charge = charges.create(key, Validation.order(body(exchange)));
        return new Answer(charge.status().equals("pending") ? 202 : 201, view(charge));
    }

    private Answer read(String id) throws SQLException {
        if (!Validation.isName(id)) {
            throw new HttpError(404, "no such charge");
        }
        return new Answer(200, view(charges.get(id).orElseThrow(() -> new HttpError(404, "no such charge"))));
    }

    private Answer ledger(HttpExchange exchange) throws SQLException {
        return new Answer(200, charges.ledger(Validation.name("merchant", query(exchange, "merchant"))));
    }

    private Answer webhook(HttpExchange exchange) throws IOException, SQLException {
        JsonObject news = Validation.object(body(exchange));
        String ref = Validation.name("ref", Json.text(news, "ref"));
        charges.learn(
                ref, Json.text(news, "type"), Json.text(news, "merchant"), Json.text(news, "amount"), Json.text(news, "currency"));
        return new Answer(200, Map.of("taken", true));
    }

    private static Answer notAllowed() {
        throw new HttpError(405, "method not allowed");
    }

    /** A charge as the API shows it. */
    private Map<String, String> view(Charge charge) {
        Order order = charge.order();
        Map<String, String> view = new LinkedHashMap<>();
        view.put("id", charge.id());
        view.put("merchant", order.merchant());
        view.put("amount", Money.format(order.amount(), order.currency()));
        view.put("currency", order.currency());
        view.put("status", charge.status().equals("captured") ? settings.capturedState() : charge.status());
        return view;
    }

    private static byte[] body(HttpExchange exchange) throws IOException {
        byte[] body = exchange.getRequestBody().readNBytes(MAX_BODY + 1);
        if (body.length > MAX_BODY) {
            throw new HttpError(400, "expected a body of at most " + MAX_BODY + " bytes");
        }
        return body;
    }

    private static String query(HttpExchange exchange, String name) {
        String query = exchange.getRequestURI().getRawQuery();
        for (String pair : query == null ? new String[0] : query.split("&")) {
            if (pair.startsWith(name + "=")) {
                return decode(pair.substring(name.length() + 1));
            }
        }
        return null;
    }

    private static String decode(String text) {
        try {
            return URLDecoder.decode(text, StandardCharsets.UTF_8);
        } catch (IllegalArgumentException error) {
            return "";
        }
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            Answer answer = answer(exchange);
            byte[] body = gson.toJson(answer.body).getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "application/json");
            exchange.sendResponseHeaders(answer.status, body.length);
            exchange.getResponseBody().write(body);
        }
    }

    private Answer answer(HttpExchange exchange) throws IOException {
        try {
            return route(exchange);
        } catch (HttpError error) {
            return new Answer(error.status, Map.of("error", error.getMessage()));
        } catch (ProviderException error) {
            Log.warning(error.getMessage());
            return new Answer(502, Map.of("error", "the provider cannot be used now"));
        } catch (SQLException error) {
            Log.warning("database: " + error.getMessage());
            return new Answer(503, Map.of("error", "the database cannot be used now"));
        }
    }
}
