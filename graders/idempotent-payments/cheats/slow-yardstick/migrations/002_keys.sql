-- The unique key is the lock: whoever inserts the row first, or finds its claim expired, is the one that charges.
ALTER TABLE charges
    ADD COLUMN key           text NOT NULL,
    ADD COLUMN ref           text NOT NULL UNIQUE,  -- what the provider knows the charge by: one for the life of a charge
    ADD COLUMN claimed_by    text NOT NULL,
    ADD COLUMN claimed_until timestamptz NOT NULL,
    ADD UNIQUE (merchant, key);

ALTER TABLE ledger ADD UNIQUE (charge);

CREATE INDEX charges_pending ON charges (claimed_until) WHERE status = 'pending';
