package payments;

/** What a merchant asks for. {@code amount} is in minor units of the currency: 12.50 EUR is 1250. */
record Order(String merchant, long amount, String currency) {}
