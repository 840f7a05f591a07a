CREATE TABLE charges (
    id         text NOT NULL UNIQUE, -- the provider's ref, too: a charge can't have two
    merchant   text NOT NULL,
    key        text NOT NULL,
    amount     bigint NOT NULL,  -- in minor units: 12.50 EUR is 1250
    currency   text NOT NULL,
    status     text NOT NULL CHECK (status IN ('pending', 'captured', 'declined')),
    tries      integer NOT NULL DEFAULT 0,
    next_try   timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (merchant, key)
);

CREATE INDEX charges_by_next_try ON charges (next_try) WHERE status = 'pending';

CREATE VIEW ledger AS
    SELECT id AS charge, merchant, amount, currency FROM charges WHERE status = 'captured';
