-- When somebody who was in the server was seen to be gone; empty while they are in it.
ALTER TABLE users ADD COLUMN left_at BIGINT;
-- 1: Discord says that they are banned from the server.
ALTER TABLE users ADD COLUMN banned BIGINT NOT NULL DEFAULT 0;

-- Changes of our roles that somebody else made, as found by fresh readings; a day of them.
CREATE TABLE role_changes (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role_id TEXT NOT NULL,
    seen_at BIGINT NOT NULL,
    -- `taken` (ours, and gone) or `given` (not by us)
    what TEXT NOT NULL,
    PRIMARY KEY (user_id, role_id, seen_at)
);
