-- One schema for SQLite and PostgreSQL: TEXT ids, BIGINT epoch milliseconds, BIGINT 0/1.

-- What the first start pinned: Stripe account, mode, guild.
CREATE TABLE installation (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    discord_user_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    avatar_url TEXT,
    email TEXT,
    email_verified BIGINT NOT NULL,
    -- What Discord last said: 1 in the server, 0 not, NULL not asked yet.
    in_guild BIGINT,
    created_at BIGINT NOT NULL,
    signed_in_at BIGINT NOT NULL
);

-- Only a hash of the session's id is kept; the data is the session's record as JSON.
CREATE TABLE sessions (
    id_hash TEXT PRIMARY KEY,
    data TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_expires_at ON sessions (expires_at);

-- A guilds.join token, sealed, until its owner is in the server.
CREATE TABLE join_tokens (
    user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    sealed TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE payers (
    id TEXT PRIMARY KEY,
    user_id TEXT UNIQUE REFERENCES users (id),
    created_at BIGINT NOT NULL,
    -- When Stripe was last read completely for this payer.
    read_at BIGINT,
    -- Card and invoices as the dashboard shows them, sealed.
    card_sealed TEXT,
    invoices_sealed TEXT,
    invoices_read_at BIGINT
);

CREATE TABLE customers (
    id TEXT PRIMARY KEY,
    payer_id TEXT NOT NULL REFERENCES payers (id),
    deleted BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX customers_payer ON customers (payer_id);

CREATE TABLE plans (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT,
    features TEXT NOT NULL,
    audience TEXT NOT NULL,
    position BIGINT NOT NULL,
    badge TEXT,
    trial_days BIGINT,
    active BIGINT NOT NULL,
    -- Why the last reading was not taken over; the row keeps the last readable mapping.
    problem TEXT,
    read_at BIGINT NOT NULL
);

CREATE TABLE prices (
    id TEXT PRIMARY KEY,
    plan_id TEXT NOT NULL REFERENCES plans (id) ON DELETE CASCADE,
    currency TEXT NOT NULL,
    unit_amount BIGINT NOT NULL,
    period TEXT NOT NULL,
    active BIGINT NOT NULL
);
CREATE INDEX prices_plan ON prices (plan_id);

-- `active` roles follow entitlements; `joining` and `leaving` wait for the operator's yes.
CREATE TABLE plan_roles (
    plan_id TEXT NOT NULL REFERENCES plans (id) ON DELETE CASCADE,
    role_id TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (plan_id, role_id)
);
CREATE INDEX plan_roles_role ON plan_roles (role_id);

-- The guild's roles as last read.
CREATE TABLE guild_roles (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    position BIGINT NOT NULL,
    permissions TEXT NOT NULL,
    managed BIGINT NOT NULL,
    read_at BIGINT NOT NULL
);

-- One row per intent to pay; the id is part of the durable idempotency keys.
CREATE TABLE checkouts (
    id TEXT PRIMARY KEY,
    payer_id TEXT NOT NULL REFERENCES payers (id),
    price_id TEXT NOT NULL,
    trial_days BIGINT,
    session_id TEXT UNIQUE,
    url_sealed TEXT,
    -- `opening` (Stripe not heard yet), `open`, `returned` (the person came back from paying),
    -- `complete`, `over`
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX checkouts_payer ON checkouts (payer_id, state);

CREATE TABLE subscriptions (
    id TEXT PRIMARY KEY,
    payer_id TEXT NOT NULL REFERENCES payers (id),
    customer_id TEXT NOT NULL,
    plan_id TEXT,
    price_id TEXT,
    status TEXT NOT NULL,
    quantity BIGINT NOT NULL,
    unit_amount BIGINT,
    currency TEXT,
    period TEXT,
    period_start BIGINT,
    period_end BIGINT,
    cancel_at BIGINT,
    cancel_at_period_end BIGINT NOT NULL,
    ended_at BIGINT,
    trial_end BIGINT,
    collection_paused BIGINT NOT NULL,
    -- When the oldest unpaid invoice was finalised, or fell due.
    unpaid_since BIGINT,
    created_at BIGINT NOT NULL,
    read_at BIGINT NOT NULL
);
CREATE INDEX subscriptions_payer ON subscriptions (payer_id);

CREATE TABLE entitlements (
    user_id TEXT NOT NULL REFERENCES users (id),
    plan_id TEXT NOT NULL,
    source TEXT NOT NULL,
    source_id TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    until_at BIGINT,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, plan_id, source, source_id)
);
CREATE INDEX entitlements_source ON entitlements (source, source_id);

CREATE TABLE grants (
    user_id TEXT NOT NULL REFERENCES users (id),
    role_id TEXT NOT NULL,
    -- `wanted`, `granted`, `present` (there, but not by us), `revoking`, `gone`, `refused`
    state TEXT NOT NULL,
    -- Discord's code of a refusal, and what it means in words.
    code BIGINT,
    detail TEXT,
    answered_at BIGINT,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, role_id)
);
CREATE INDEX grants_role ON grants (role_id, state);

-- Subjects whose truth has to be read. A timer is a due_at in the future.
CREATE TABLE dirty (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    generation BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    class BIGINT NOT NULL,
    -- due_at plus the class's head start: the order of work, with ageing.
    rank_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    parked BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    last_error TEXT,
    -- Follows one cause through the logs.
    trace TEXT NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX dirty_order ON dirty (parked, rank_at);

-- Envelopes of verified events, once each; no payload.
CREATE TABLE inbox (
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    livemode BIGINT NOT NULL,
    object_id TEXT,
    customer_id TEXT,
    received_at BIGINT NOT NULL,
    -- `marked`, `not for us`, `wrong mode`
    outcome TEXT NOT NULL,
    trace TEXT NOT NULL
);
CREATE INDEX inbox_received ON inbox (received_at);
CREATE INDEX inbox_customer ON inbox (customer_id);

-- What somebody has to look at; a closed one is reopened when it happens again.
CREATE TABLE incidents (
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    closed_at BIGINT,
    PRIMARY KEY (kind, subject)
);
CREATE INDEX incidents_open ON incidents (closed_at, opened_at);

-- Every change of access: who or what, when, why, and what Discord answered.
CREATE TABLE audit (
    user_id TEXT,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    event TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    trace TEXT NOT NULL
);
CREATE INDEX audit_user ON audit (user_id, at);
