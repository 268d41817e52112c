-- Direct messages of the bot to operators: one per opening of an incident and operator.
CREATE TABLE messages (
    -- Also the nonce by which Discord sends it once.
    id TEXT PRIMARY KEY,
    -- At Discord.
    operator TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    -- `queued`, `sending` (handed over, not heard yet), `sent`, `refused` (they take none),
    -- `failed` (for good), `dropped` (no longer true)
    state TEXT NOT NULL,
    channel_id TEXT,
    -- What was handed over, and when on the machine's clock; empty once it is settled.
    content TEXT,
    asked_at BIGINT,
    created_at BIGINT NOT NULL,
    settled_at BIGINT,
    UNIQUE (kind, subject, opened_at, operator)
);
CREATE INDEX messages_operator ON messages (operator, settled_at);
