-- Where one column is equal for nearly every row, an index that begins with it is taken for a
-- narrow one when nothing is known of the rows, and thousands are walked over for one.

-- A claim looks at one kind of work in the order of its rank. With `parked` in front, as in
-- dirty_order, the narrower index is taken.
DROP INDEX dirty_users;
DROP INDEX dirty_others;
DROP INDEX dirty_urgent;
DROP INDEX dirty_failing;
CREATE INDEX dirty_users ON dirty (parked, rank_at) WHERE kind = 'user';
CREATE INDEX dirty_others ON dirty (parked, rank_at) WHERE kind <> 'user';
CREATE INDEX dirty_urgent ON dirty (parked, rank_at) WHERE class = 0;
CREATE INDEX dirty_failing ON dirty (parked, due_at) WHERE attempts > 0;

-- Nearly every entitlement is a subscription's: what is asked of one person is found by the person.
DROP INDEX entitlements_source;
CREATE INDEX entitlements_source ON entitlements (source_id, source);
