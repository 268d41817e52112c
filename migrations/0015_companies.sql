-- Companies pay for seats; people claim them by invites.
CREATE TABLE companies (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    founded_by TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- Who looks after a company; whether they have a seat is another matter.
CREATE TABLE company_people (
    company_id TEXT NOT NULL REFERENCES companies (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    -- `owner`, `admin`
    role TEXT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (company_id, user_id)
);
CREATE INDEX company_people_user ON company_people (user_id);

ALTER TABLE payers ADD COLUMN company_id TEXT REFERENCES companies (id);
CREATE UNIQUE INDEX payers_company ON payers (company_id) WHERE company_id IS NOT NULL;

-- What a company pays for of one plan. Its row is written first by whoever counts seats, so that
-- two of them count one after the other.
CREATE TABLE seat_pools (
    company_id TEXT NOT NULL REFERENCES companies (id),
    plan_id TEXT NOT NULL,
    -- Quantities of the subscriptions that give access, as last read.
    paid BIGINT NOT NULL,
    -- While fewer are being asked for at Stripe: no more than these are filled.
    ceiling BIGINT,
    -- What a claimed seat gives: `granted`, `grace`, `hold`, `denied`, with reason, end and proof as
    -- in entitlements.
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    until_at BIGINT,
    proof TEXT NOT NULL,
    -- More seats are filled than paid, since then; at the deadline the newest make way.
    over_since BIGINT,
    deadline BIGINT,
    counted_at BIGINT NOT NULL,
    PRIMARY KEY (company_id, plan_id)
);

CREATE TABLE seats (
    id TEXT PRIMARY KEY,
    company_id TEXT NOT NULL REFERENCES companies (id),
    plan_id TEXT NOT NULL,
    -- `invited`, `claimed`, `suspended`, `revoked`
    state TEXT NOT NULL,
    -- Of a suspended or revoked one: what it was, `invited` or `claimed`.
    was TEXT,
    -- Of a revoked one: `freed`, `withdrawn` (an invite taken back), `expired`, `left`, `moved`
    because TEXT,
    -- Who holds it.
    user_id TEXT REFERENCES users (id),
    -- Whom the invite is for, lower case; empty where anybody with the link may claim.
    email TEXT,
    -- Only addresses at this domain may claim, lower case.
    domain TEXT,
    made_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    claimed_at BIGINT,
    changed_at BIGINT NOT NULL
);
CREATE INDEX seats_pool ON seats (company_id, plan_id, state, changed_at);
CREATE INDEX seats_addresses ON seats (changed_at) WHERE email IS NOT NULL AND state = 'revoked';
CREATE INDEX seats_live ON seats (company_id, plan_id, created_at, id) WHERE state <> 'revoked';
CREATE INDEX seats_user ON seats (user_id, state) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX seats_holder ON seats (company_id, plan_id, user_id)
    WHERE user_id IS NOT NULL AND state IN ('claimed', 'suspended');
CREATE UNIQUE INDEX seats_email ON seats (company_id, plan_id, email)
    WHERE email IS NOT NULL AND state IN ('invited', 'suspended') AND user_id IS NULL;

-- The live link of an invited seat, or a link for a group. Of the token there is a hash alone.
CREATE TABLE invites (
    id TEXT PRIMARY KEY,
    company_id TEXT NOT NULL REFERENCES companies (id),
    plan_id TEXT NOT NULL,
    -- Empty for a group's link.
    seat_id TEXT REFERENCES seats (id),
    token_hash TEXT NOT NULL UNIQUE,
    -- `open`, `used`, `replaced` (by a newer link), `withdrawn`, `expired`
    state TEXT NOT NULL,
    -- Of a group's link: how many may claim by it, how many did, and from which domain.
    most BIGINT,
    claims BIGINT NOT NULL DEFAULT 0,
    domain TEXT,
    made_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    settled_at BIGINT,
    -- The mail that carries it: `sent`, `refused`, `failed`; empty while it waits or where there is none.
    mail TEXT
);
CREATE INDEX invites_seat ON invites (seat_id, state) WHERE seat_id IS NOT NULL;
CREATE INDEX invites_company ON invites (company_id, plan_id, state, expires_at);

ALTER TABLE subscriptions ADD COLUMN seats BIGINT NOT NULL DEFAULT 0;
ALTER TABLE subscriptions ADD COLUMN pending_quantity BIGINT;

ALTER TABLE checkouts ADD COLUMN quantity BIGINT;

ALTER TABLE changes ADD COLUMN from_quantity BIGINT;
ALTER TABLE changes ADD COLUMN quantity BIGINT;
ALTER TABLE changes ADD COLUMN made_by TEXT;

CREATE INDEX audit_subject ON audit (subject, at);
