-- How long a pass of the plan gives access: days, or `life`; empty for a plan without passes.
ALTER TABLE plans ADD COLUMN pass_days TEXT;

-- Stripe's word: `exclusive`, `inclusive`, `unspecified`.
ALTER TABLE prices ADD COLUMN tax_behavior TEXT;

-- Empty for a subscription.
ALTER TABLE checkouts ADD COLUMN pass_days TEXT;

-- Stripe's id of the promotion code the session was opened with.
ALTER TABLE checkouts ADD COLUMN promotion_id TEXT;

-- A hint raises the first; a complete reading of the customer's sessions writes what the first was
-- when it began into the second. So a hint during a reading is not lost, and a customer without
-- one costs no reading.
ALTER TABLE customers ADD COLUMN sessions_hinted BIGINT NOT NULL DEFAULT 1;
ALTER TABLE customers ADD COLUMN sessions_read BIGINT NOT NULL DEFAULT 0;

-- A one-time payment that gives a plan; the id is its Checkout Session's.
CREATE TABLE passes (
    id TEXT PRIMARY KEY,
    payer_id TEXT NOT NULL REFERENCES payers (id),
    customer_id TEXT NOT NULL,
    plan_id TEXT NOT NULL,
    price_id TEXT,
    -- Days, or `life`, as they were sold.
    days TEXT NOT NULL,
    payment_intent TEXT,
    -- `paid`, `waiting` (a bank takes its time), `failed`
    state TEXT NOT NULL,
    -- `kept`, `disputed`, `refunded`
    payment TEXT NOT NULL,
    amount BIGINT,
    currency TEXT,
    -- The charge's time, or the session's where nothing was charged.
    paid_at BIGINT NOT NULL,
    starts_at BIGINT NOT NULL,
    -- Empty for life.
    ends_at BIGINT,
    read_at BIGINT NOT NULL
);
CREATE INDEX passes_payer ON passes (payer_id, plan_id);
