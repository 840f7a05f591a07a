package payments;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Map;
import java.util.regex.Pattern;

/** Amounts between decimal strings and whole minor units. */
final class Money {
    private static final Map<String, Integer> DECIMALS = Map.of("EUR", 2, "USD", 2, "JPY", 0, "KWD", 3);
    private static final Pattern AMOUNT = Pattern.compile("(0|[1-9][0-9]{0,11})(\\.[0-9]+)?");

    private Money() {}

    /** Returns minor units. Throws a 400 unless {@code amount} has exactly the decimals of {@code currency}. */
    static long parse(String amount, String currency) {
        Integer decimals = currency == null ? null : DECIMALS.get(currency);
        if (decimals == null) {
            throw new HttpError(400, "expected currency to be one of " + DECIMALS.keySet());
        }
        if (amount != null && AMOUNT.matcher(amount).matches()) {
            BigDecimal value = new BigDecimal(amount);
            if (value.scale() == decimals && value.signum() > 0) {
                return value.unscaledValue().longValueExact();
            }
        }
        throw new HttpError(
                400, "expected amount to be a string over zero with " + decimals + " decimals, at most 12 digits before");
    }

    static String format(long minor, String currency) {
        return format(BigInteger.valueOf(minor), currency);
    }

    /** The inverse of {@link #parse}; totals may be larger than a long. */
    static String format(BigInteger minor, String currency) {
        return new BigDecimal(minor, DECIMALS.get(currency)).toPlainString();
    }
}
