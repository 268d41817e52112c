-- What Discord refused of a role last: asked by everybody who waits for it.
CREATE INDEX grants_refusals ON grants (role_id, answered_at) WHERE code IS NOT NULL;
