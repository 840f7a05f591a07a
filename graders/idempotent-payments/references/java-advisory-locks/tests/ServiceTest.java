import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Your own tests, against a started service. What they know: SERVICE_URL, BRIEF.md and the test amounts of PSP.md. They
 * have to pass on your service and fail on the starter. This one passes on both, so it earns nothing yet.
 */
final class ServiceTest {
    private static final String SERVICE_URL = System.getenv("SERVICE_URL");
    private static final String CAPTURED = System.getenv().getOrDefault("CAPTURED_STATE", "captured");
    private static final int CONFLICT = Integer.parseInt(System.getenv().getOrDefault("CONFLICT_STATUS", "409"));
    private static final HttpClient CLIENT = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    private ServiceTest() {}

    static void aChargeIsReadBackUnchanged() throws Exception {
        HttpResponse<String> created = charge("m-" + UUID.randomUUID(), "k-1", "12.50");
        expect(created.statusCode() == 201, "201", created);
        HttpResponse<String> read = get("/charges/" + field(created, "id"));
        expect(read.body().equals(created.body()), created.body(), read);
    }

    static void aChargeHappensOnce(String amount, String status) throws Exception {
        String merchant = "m-" + UUID.randomUUID();
        ExecutorService twins = Executors.newFixedThreadPool(3);
        twins.invokeAll(Collections.nCopies(3, () -> charge(merchant, "k-1", amount)));
        twins.shutdown();
        HttpResponse<String> done = patiently(merchant, amount);
        expect(done.statusCode() == 201 && field(done, "status").equals(status), "201 and " + status, done);
        HttpResponse<String> again = charge(merchant, "k-1", amount);
        expect(again.statusCode() == 201 && again.body().equals(done.body()), done.body(), again);
        HttpResponse<String> ledger = get("/ledger?merchant=" + merchant);
        int entries = ledger.body().split(field(done, "id"), -1).length - 1;
        expect(entries == (status.equals("declined") ? 0 : 1), "what was captured, once", ledger);
        HttpResponse<String> other = charge(merchant, "k-1", "7.11");
        expect(other.statusCode() == CONFLICT, "" + CONFLICT, other);
        HttpResponse<String> neighbour = patiently(merchant + "x", "7.11");
        expect(neighbour.statusCode() == 201, "201: keys belong to a merchant", neighbour);
    }

    static HttpResponse<String> patiently(String merchant, String amount) throws Exception {
        HttpResponse<String> answer = charge(merchant, "k-1", amount);
        for (int i = 0; i < 60 && answer.statusCode() == 202; i++) {
            Thread.sleep(100);
            answer = charge(merchant, "k-1", amount);
        }
        return answer;
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
            for (String amount : List.of("7.10", "402.10", "500.10", "504.10")) {
                aChargeHappensOnce(amount, amount.startsWith("402") ? "declined" : CAPTURED);
            }
            System.out.println("passed");
        } catch (Exception | AssertionError error) {
            error.printStackTrace();
            System.exit(1);
        }
    }
}
