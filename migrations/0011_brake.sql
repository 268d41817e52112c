-- The brake, the freeze and observe; grants that wait; what operators are told; the sweep.

-- When a call was made whose answer is not known, wall ms; empty once it is. Until it can no longer
-- land, no reading says what became of it.
ALTER TABLE grants ADD COLUMN asked_at BIGINT;
-- What holds a grant back: `observe`, `freeze`, `brake CAUSE`, `settling`, `replacement`.
ALTER TABLE grants ADD COLUMN held_by TEXT;
-- And whether it is held from being given (`give`) or taken (`take`).
ALTER TABLE grants ADD COLUMN held_act TEXT;
CREATE INDEX grants_waiting ON grants (state, role_id, user_id)
    WHERE state IN ('refused', 'held', 'revoking');
CREATE INDEX grants_people ON grants (state, user_id);

-- How it is known that it ended: `ended` (Stripe said so of the subscription or pass) or `missing`
-- (Stripe does not know the customer).
ALTER TABLE entitlements ADD COLUMN proof TEXT NOT NULL DEFAULT 'ended';

-- Since when Stripe has answered 404 for a customer that nobody said was deleted.
ALTER TABLE customers ADD COLUMN missing_since BIGINT;

-- One row per cause of losses. `held_at`: its brake has closed. `lifted_at`: an operator opened it;
-- what was counted before is allowed.
CREATE TABLE brakes (
    cause TEXT PRIMARY KEY,
    held_at BIGINT,
    lifted_at BIGINT,
    -- Written first by whoever counts, so that two of them count one after the other.
    counted_at BIGINT NOT NULL
);

-- Who loses something, once per cause: a payer where an ended subscription proves it, otherwise a
-- user. `at` is on the policy clock.
CREATE TABLE losses (
    cause TEXT NOT NULL,
    unit TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (cause, unit)
);
CREATE INDEX losses_lately ON losses (cause, at);

-- What operators switch: `freeze` (`on`, `off`) and `mode` (`observe`, `active`).
CREATE TABLE switches (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    changed_at BIGINT NOT NULL
);
-- Who has given roles already is past observing.
INSERT INTO switches (name, value, changed_by, changed_at)
    SELECT 'mode', 'active', 'upgrade', 0 WHERE EXISTS (SELECT 1 FROM grants);

-- Where the bot stands, as last read; one row.
CREATE TABLE guild_bot (
    id TEXT PRIMARY KEY,
    -- Its ids of roles, comma separated.
    roles TEXT NOT NULL,
    -- When these, or anything of the server's roles, were last seen to differ from before.
    changed_at BIGINT NOT NULL
);

-- When operators were told of an incident, by mail and by a direct message. Empty again when it is
-- opened again.
ALTER TABLE incidents ADD COLUMN mailed_at BIGINT;
ALTER TABLE incidents ADD COLUMN messaged_at BIGINT;
CREATE INDEX incidents_unmailed ON incidents (opened_at) WHERE closed_at IS NULL AND mailed_at IS NULL;
CREATE INDEX incidents_unmessaged ON incidents (opened_at) WHERE closed_at IS NULL AND messaged_at IS NULL;

-- Roles have workers of their own, so that neither kind of work waits for the other's limits.
CREATE INDEX dirty_users ON dirty (rank_at) WHERE kind = 'user' AND parked = 0;
CREATE INDEX dirty_others ON dirty (rank_at) WHERE kind <> 'user' AND parked = 0;

-- The last looks at everybody in the server.
CREATE TABLE sweeps (
    began_at BIGINT PRIMARY KEY,
    ended_at BIGINT,
    members BIGINT NOT NULL,
    -- Ours whose roles were not what they should be.
    wrong BIGINT NOT NULL,
    -- Who holds a managed role that we never gave.
    others BIGINT NOT NULL
);
