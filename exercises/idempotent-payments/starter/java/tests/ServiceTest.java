import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.UUID;

/**
 * Your own tests, against a started service. What they know: SERVICE_URL, BRIEF.md and the test amounts of PSP.md. They
 * have to pass on your service and fail on the starter. This one passes on both, so it earns nothing yet.
 */
final class ServiceTest {
    private static final String SERVICE_URL = System.getenv("SERVICE_URL");
    private static final HttpClient CLIENT = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    private ServiceTest() {}

    static void aChargeIsReadBackUnchanged() throws Exception {
        HttpResponse<String> created = charge("m-" + UUID.randomUUID(), "k-1", "12.50");
        expect(created.statusCode() == 201, "201", created);
        HttpResponse<String> read = get("/charges/" + field(created, "id"));
        expect(read.body().equals(created.body()), created.body(), read);
    }

    static HttpResponse<String> charge(String merchant, String key, String amount) throws Exception {
        JsonObject body = new JsonObject();
        body.addProperty("merchant", merchant);
        body.addProperty("amount", amount);
        body.addProperty("currency", "EUR");
        return send(HttpRequest.newBuilder(URI.create(SERVICE_URL + "/charges"))
                .header("Idempotency-Key", key)
                .POST(BodyPublishers.ofString(body.toString())));
    }

    static HttpResponse<String> get(String path) throws Exception {
        return send(HttpRequest.newBuilder(URI.create(SERVICE_URL + path)));
    }

    private static HttpResponse<String> send(HttpRequest.Builder request) throws Exception {
        return CLIENT.send(request.timeout(Duration.ofSeconds(10)).build(), BodyHandlers.ofString());
    }

    static String field(HttpResponse<String> answer, String name) {
        return JsonParser.parseString(answer.body()).getAsJsonObject().get(name).getAsString();
    }

    static void expect(boolean holds, String expected, HttpResponse<String> found) {
        if (!holds) {
            throw new AssertionError("expected " + expected + ", found " + found.statusCode() + " " + found.body());
        }
    }

    public static void main(String[] arguments) {
        try {
            aChargeIsReadBackUnchanged();
            System.out.println("passed");
        } catch (Exception | AssertionError error) {
            error.printStackTrace();
            System.exit(1);
        }
    }
}
