package payments;

/** An error the client is told about as it is. */
final class HttpError extends RuntimeException {
    private static final long serialVersionUID = 1;
    final int status;

    HttpError(int status, String text) {
        super(text, null, false, false);
        this.status = status;
    }
}
