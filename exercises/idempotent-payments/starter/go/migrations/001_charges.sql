CREATE TABLE charges (
    id              text PRIMARY KEY,
    merchant        text NOT NULL,
    idempotency_key text NOT NULL,
    amount_minor    bigint NOT NULL,
    currency        text NOT NULL,
    status          text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX charges_merchant ON charges (merchant);
