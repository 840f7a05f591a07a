package payments;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonSyntaxException;
import com.google.gson.TypeAdapter;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.IOException;
import java.io.StringReader;

/** Strict JSON. */
final class Json {
    private static final TypeAdapter<JsonElement> ELEMENTS = new Gson().getAdapter(JsonElement.class);

    private Json() {}

    /** Returns the object in {@code text}; empty texts, other values and anything after the object are errors. */
    static JsonObject object(String text) throws JsonSyntaxException {
        JsonReader reader = new JsonReader(new StringReader(text));
        try {
            JsonElement element = ELEMENTS.read(reader);
            if (element instanceof JsonObject object && reader.peek() == JsonToken.END_DOCUMENT) {
                return object;
            }
        } catch (IOException | IllegalStateException | NumberFormatException | StackOverflowError error) {
            throw new JsonSyntaxException("not JSON: " + error);
        }
        throw new JsonSyntaxException("not a JSON object");
    }

    /** Returns a field that is a JSON string, else null. */
    static String text(JsonObject fields, String name) {
        JsonElement value = fields.get(name);
        boolean isText = value != null && value.isJsonPrimitive() && value.getAsJsonPrimitive().isString();
        return isText ? value.getAsString() : null;
    }
}
