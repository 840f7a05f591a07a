package payments;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonSyntaxException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Client of the payment provider (PSP.md). Connections are kept; one deadline holds for a whole call. Thread-safe. */
final class Provider {
    private final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final String url;
    private final Duration timeout;

    /** How the provider says a ref ended: {@code status} is "captured" or "declined". */
    record Outcome(String status, String capture) {}

    private record Answer(int status, JsonObject body) {}

    Provider(String url, Duration timeout) {
        this.url = url;
        this.timeout = timeout;
    }

    /** Captures money under {@code ref}, or learns the outcome that {@code ref} already has. */
    Outcome capture(String ref, Order order) throws ProviderException {
        JsonObject body = new JsonObject();
        body.addProperty("ref", ref);
        body.addProperty("merchant", order.merchant());
        body.addProperty("amount", Money.format(order.amount(), order.currency()));
        body.addProperty("currency", order.currency());
        Answer answer = call(request("/captures").POST(BodyPublishers.ofString(body.toString())));
        return switch (answer.status) {
            case 201, 402, 409 -> outcome(answer.body);
            default -> throw new ProviderException.Unavailable(answer.status);
        };
    }

    /** Returns the outcome of {@code ref} in the provider's books; empty when it has none. */
    Optional<Outcome> find(String ref) throws ProviderException {
        Answer answer = call(request("/captures?ref=" + URLEncoder.encode(ref, StandardCharsets.UTF_8)).GET());
        if (answer.status != 200) {
            throw new ProviderException.Unavailable(answer.status);
        }
        if (!(answer.body.get("captures") instanceof JsonArray captures) || captures.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(outcome(captures.get(0)));
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(URI.create(url + path)).header("Content-Type", "application/json");
    }

    private Answer call(HttpRequest.Builder builder) throws ProviderException {
        HttpRequest request = builder.build();
        CompletableFuture<HttpResponse<String>> future = http.sendAsync(request, BodyHandlers.ofString());
        try {
            HttpResponse<String> response = future.get(timeout.toMillis(), TimeUnit.MILLISECONDS);
            boolean outage = response.statusCode() >= 500;
            return new Answer(response.statusCode(), outage ? new JsonObject() : Json.object(response.body()));
        } catch (TimeoutException | ExecutionException | JsonSyntaxException error) {
            throw new ProviderException.NoAnswer("no complete answer to " + request.method() + " " + request.uri() + ": " + error);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            throw new ProviderException.NoAnswer("interrupted");
        } finally {
            future.cancel(true);
        }
    }

    private static Outcome outcome(JsonElement element) throws ProviderException {
        if (element instanceof JsonObject answer) {
            String status = Json.text(answer, "status");
            if ("captured".equals(status) || "declined".equals(status)) {
                return new Outcome(status, Json.text(answer, "capture"));
            }
        }
        throw new ProviderException.NoAnswer("an answer without an outcome: " + element);
    }
}
