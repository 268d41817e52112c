-- The desk: what it lists, in the order it lists it, and the operator's yes to dangerous rights.

DROP INDEX inbox_received;
DROP INDEX inbox_customer;
CREATE INDEX inbox_newest ON inbox (received_at, id);
CREATE INDEX inbox_customer ON inbox (customer_id, received_at, id);
CREATE INDEX inbox_type ON inbox (type, received_at, id);
CREATE INDEX inbox_outcome ON inbox (outcome, received_at, id);

-- What backs off; few rows among many timers.
CREATE INDEX dirty_failing ON dirty (due_at) WHERE attempts > 0 AND parked = 0;

-- What a person waits for, found among any number of timers and events.
CREATE INDEX dirty_urgent ON dirty (due_at) WHERE class = 0;

CREATE INDEX audit_actor ON audit (actor, at);
CREATE INDEX users_name ON users (LOWER(name));

-- A role that carries dangerous rights is given only after this yes, which counts for the rights
-- it had then (their names, comma separated) and for no other.
CREATE TABLE role_consents (
    role_id TEXT PRIMARY KEY,
    rights TEXT NOT NULL,
    given_by TEXT NOT NULL,
    given_at BIGINT NOT NULL
);
