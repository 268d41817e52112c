-- Refunds and disputes that no event told of are looked for in the list of a customer's charges. A
-- hint raises the first; a complete listing writes what the first was when it began into the second.
ALTER TABLE customers ADD COLUMN charges_hinted BIGINT NOT NULL DEFAULT 0;
ALTER TABLE customers ADD COLUMN charges_read BIGINT NOT NULL DEFAULT 0;
CREATE INDEX customers_charges ON customers (id) WHERE charges_hinted > charges_read;
