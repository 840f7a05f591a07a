CREATE TABLE charges (
    id         text PRIMARY KEY,
    merchant   text NOT NULL,
    amount     bigint NOT NULL,  -- in minor units: 12.50 EUR is 1250
    currency   text NOT NULL,
    status     text NOT NULL,    -- pending, captured or declined
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE ledger (
    charge   text NOT NULL REFERENCES charges (id),
    merchant text NOT NULL,
    amount   bigint NOT NULL,
    currency text NOT NULL
);

CREATE INDEX ledger_by_merchant ON ledger (merchant);
