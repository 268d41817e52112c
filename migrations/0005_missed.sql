-- How far Stripe's events have been read, completely. One row.
CREATE TABLE event_cursor (
    name TEXT PRIMARY KEY,
    -- The newest `created` among the events read, Unix seconds of Stripe's clock; NULL while
    -- Stripe had none.
    seen_until BIGINT,
    -- When the last complete poll began, on the policy clock.
    polled_at BIGINT NOT NULL
);

-- What many subjects fail of alike (a key refused, a right missing, Stripe down), so that its
-- mending brings all of them back.
ALTER TABLE dirty ADD COLUMN cause TEXT;
CREATE INDEX dirty_cause ON dirty (cause, parked) WHERE cause IS NOT NULL;

-- A dispute names its charge and no customer; handling it again needs to know which.
ALTER TABLE inbox ADD COLUMN charge_id TEXT;

-- The moment (µs, the database's clock) up to which requests to Stripe are spoken for, all nodes
-- together. PostgreSQL alone moves it; on SQLite there is one process.
CREATE TABLE stripe_budget (
    name TEXT PRIMARY KEY,
    spent_until BIGINT NOT NULL
);
INSERT INTO stripe_budget (name, spent_until) VALUES ('all', 0), ('background', 0);
