-- Why Stripe paused a subscription (status_details.paused.subscription.type).
ALTER TABLE subscriptions ADD COLUMN paused_because TEXT;
