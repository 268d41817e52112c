-- Mail to people: written in the transaction of the change that causes it, once each.
CREATE TABLE mails (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    -- `welcome`, `payment_failed`, `ending`, `ended`, `trial_ending`, `card_expiring`
    kind TEXT NOT NULL,
    -- What it is about; there is one mail for it.
    once_key TEXT NOT NULL UNIQUE,
    -- What the text is made of, sealed; empty once it was sent or will not be.
    body_sealed TEXT,
    -- `queued`, `sending` (handed over, not heard yet), `sent`, `refused` (the address),
    -- `failed` (for good), `dropped` (no longer true, or not wanted)
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    -- When it was sent, refused, failed or dropped.
    settled_at BIGINT,
    last_error TEXT,
    -- Keyed digest of the address that was refused.
    refused_address TEXT
);
CREATE INDEX mails_user ON mails (user_id, settled_at);

-- Who wants only what is essential.
CREATE TABLE mail_preferences (
    user_id TEXT PRIMARY KEY REFERENCES users (id),
    essential_only BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
