-- Accounts: moved to another account at Discord, deleted, exported.

-- Whose a session is; empty for one in which nobody signed in, and for a sign-in that was begun.
ALTER TABLE sessions ADD COLUMN user_id TEXT;
CREATE INDEX sessions_user ON sessions (user_id) WHERE user_id IS NOT NULL;

-- When the person behind it deleted their account: what stays is what the law asks for.
ALTER TABLE payers ADD COLUMN erased_at BIGINT;

-- A deletion that was asked for. `user_id` leads to nobody once it is done.
CREATE TABLE account_deletions (
    user_id TEXT PRIMARY KEY,
    -- `asked` (may be taken back), `ending` (subscriptions), `revoking` (roles), `erased`
    stage TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    -- From when it may not be taken back.
    begins_at BIGINT NOT NULL,
    -- When the present stage began.
    stage_at BIGINT NOT NULL
);

-- A membership that moves from one person to another; prepared by two fresh sign-ins, or made at
-- the desk.
CREATE TABLE account_moves (
    id TEXT PRIMARY KEY,
    payer_id TEXT NOT NULL,
    from_user TEXT NOT NULL,
    to_user TEXT NOT NULL,
    -- Wall clock: how long it may be confirmed.
    prepared_at BIGINT NOT NULL,
    -- Policy clock; empty until it is confirmed.
    moved_at BIGINT
);
CREATE INDEX account_moves_prepared ON account_moves (prepared_at) WHERE moved_at IS NULL;
CREATE INDEX account_moves_from ON account_moves (from_user, moved_at);
CREATE INDEX account_moves_to ON account_moves (to_user, moved_at);

-- Accounts at Discord that had their free trial and have no payer that tells so any more: a keyed
-- digest of the id, and nothing else of them.
CREATE TABLE spent_trials (
    account_digest TEXT PRIMARY KEY,
    spent_at BIGINT NOT NULL
);
