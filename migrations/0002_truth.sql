-- What became of payments: refunds and disputes, by charge. The customer need not be linked yet.
CREATE TABLE charges (
    id TEXT PRIMARY KEY,
    customer_id TEXT NOT NULL,
    payment_intent TEXT,
    -- What the invoice it paid covers; empty for a payment without an invoice.
    subscription_id TEXT,
    covers_from BIGINT,
    covers_until BIGINT,
    -- Refunded in full.
    refunded BIGINT NOT NULL,
    -- `none`, `open`, `lost`, `won`
    dispute TEXT NOT NULL,
    read_at BIGINT NOT NULL
);
CREATE INDEX charges_customer ON charges (customer_id);
CREATE INDEX charges_payment_intent ON charges (payment_intent);

-- What became of the payment that covers the current period: `kept`, `disputed`, `refunded`.
ALTER TABLE subscriptions ADD COLUMN payment TEXT NOT NULL DEFAULT 'kept';

-- Stripe's word for why the newest invoice cannot be finalised, if it cannot.
ALTER TABLE subscriptions ADD COLUMN invoice_problem TEXT;
