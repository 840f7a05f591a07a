package payments;

/** The provider did not say how the charge ended. */
class ProviderException extends Exception {
    private static final long serialVersionUID = 1;

    ProviderException(String text) {
        super(text);
    }

    /** No complete answer in time: none at all, too slow, cut off, or not understood. */
    static final class NoAnswer extends ProviderException {
        private static final long serialVersionUID = 1;

        NoAnswer(String text) {
            super(text);
        }
    }

    /** An answer of 429 or 5xx. */
    static final class Unavailable extends ProviderException {
        private static final long serialVersionUID = 1;
        final int status;

        Unavailable(int status) {
            super("the provider answered " + status);
            this.status = status;
        }
    }
}
