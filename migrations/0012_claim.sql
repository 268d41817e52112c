-- A claim looks at one kind of work in the order of its rank. With `parked` in front, as in
-- dirty_order, the narrower index is taken, and no claim walks over the thousands of due subjects
-- of the other kind.
DROP INDEX dirty_users;
DROP INDEX dirty_others;
DROP INDEX dirty_urgent;
CREATE INDEX dirty_users ON dirty (parked, rank_at) WHERE kind = 'user';
CREATE INDEX dirty_others ON dirty (parked, rank_at) WHERE kind <> 'user';
CREATE INDEX dirty_urgent ON dirty (parked, rank_at) WHERE class = 0;
