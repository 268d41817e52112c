-- What is planned with a subscription, as last read: its one item, the schedule that changes its
-- price, the update that waits for its payment, the pause and its end.
ALTER TABLE subscriptions ADD COLUMN item_id TEXT;
ALTER TABLE subscriptions ADD COLUMN schedule_id TEXT;
ALTER TABLE subscriptions ADD COLUMN next_price_id TEXT;
ALTER TABLE subscriptions ADD COLUMN next_at BIGINT;
ALTER TABLE subscriptions ADD COLUMN pending_price_id TEXT;
ALTER TABLE subscriptions ADD COLUMN pending_until BIGINT;
ALTER TABLE subscriptions ADD COLUMN pause_behavior TEXT;
ALTER TABLE subscriptions ADD COLUMN resumes_at BIGINT;

-- One row per change a person confirmed, written before Stripe is asked; the id is its durable
-- idempotency key.
CREATE TABLE changes (
    id TEXT PRIMARY KEY,
    payer_id TEXT NOT NULL REFERENCES payers (id),
    subscription_id TEXT NOT NULL,
    -- `now`, `later`, `stay`, `keep`, `pause`, `resume`
    kind TEXT NOT NULL,
    from_price_id TEXT,
    price_id TEXT,
    -- `asked` (what came of it is not known yet), `waiting` (counts when it is paid), `done`,
    -- `refused` (by Stripe, nothing changed), `lapsed` (it never came to be)
    state TEXT NOT NULL,
    -- Why it waits or was refused: Stripe's code.
    reason TEXT,
    created_at BIGINT NOT NULL,
    settled_at BIGINT
);
CREATE INDEX changes_payer ON changes (payer_id, state);
