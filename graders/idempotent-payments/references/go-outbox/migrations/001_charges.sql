CREATE TABLE charges (
    id         text PRIMARY KEY, -- the provider's ref, too: a charge can't have two
    merchant   text NOT NULL,
    key        text NOT NULL,
    amount     bigint NOT NULL,  -- in minor units: 12.50 EUR is 1250
    currency   text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (merchant, key)
);

-- What is still to be done. Of a claimed row, due_at is the end of its lease.
CREATE TABLE outbox (
    charge   text PRIMARY KEY REFERENCES charges (id),
    due_at   timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0
);

-- What became of charges: rows are added, never changed. The ledger is the captured ones.
CREATE TABLE outcomes (
    charge text PRIMARY KEY REFERENCES charges (id),
    status text NOT NULL CHECK (status IN ('captured', 'declined'))
);

CREATE VIEW ledger AS
    SELECT charge, merchant, amount, currency FROM outcomes JOIN charges ON id = charge WHERE outcomes.status = 'captured';
