-- 1 when Discord refused a role and the look that followed did not show why: what was seen last may
-- be older than the refusal, so the next look counts as one that saw a change.
ALTER TABLE guild_bot ADD COLUMN unseen BIGINT NOT NULL DEFAULT 0;
-- How often a change was seen: two of them may have the same moment.
ALTER TABLE guild_bot ADD COLUMN changes BIGINT NOT NULL DEFAULT 0;
