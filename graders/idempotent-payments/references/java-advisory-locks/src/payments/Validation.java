package payments;

import com.google.gson.JsonObject;
import com.google.gson.JsonSyntaxException;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;

/** The rules for what clients send. */
final class Validation {
    private static final Pattern VISIBLE = Pattern.compile("[!-~]{1,64}");

    private Validation() {}

    /** Returns what the client wants, or throws a 400. Fields it does not know are ignored. */
    static Order order(byte[] body) {
        JsonObject fields = object(body);
        String merchant = name("merchant", Json.text(fields, "merchant"));
        String currency = Json.text(fields, "currency");
        return new Order(merchant, Money.parse(Json.text(fields, "amount"), currency), currency);
    }

    /** Returns the JSON object in a body, or throws a 400. */
    static JsonObject object(byte[] body) {
        try {
            return Json.object(new String(body, StandardCharsets.UTF_8));
        } catch (JsonSyntaxException error) {
            throw new HttpError(400, "expected a body of one JSON object");
        }
    }

    /** Returns {@code value} when it can be a key or a name, or throws a 400. */
    static String name(String field, String value) {
        if (!isName(value)) {
            throw new HttpError(400, "expected " + field + " to be 1 to 64 visible ASCII characters");
        }
        return value;
    }

    static boolean isName(String value) {
        return value != null && VISIBLE.matcher(value).matches();
    }
}
