package payments;

/** An order and what became of it: {@code status} is "pending", "captured" or "declined". */
record Charge(String id, Order order, String status) {}
