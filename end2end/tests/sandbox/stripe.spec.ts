/** The official Stripe SDK cannot tell the sandbox from Stripe. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import Stripe from "stripe";
import { type Sandbox, startSandbox } from "../support/processes.ts";
import { Visitor } from "../support/visitor.ts";

const CARD = "4242424242424242";
const DECLINED = "4000000000000002";
const NO_FUNDS = "4000000000009995";
const THREE_D_SECURE = "4000002500003155";
/** A card that can be kept and then refuses every charge. */
const REFUSING = "pm_card_chargeCustomerFail";

const PAY = /^(Subscribe|Pay) /;

/** What one types on the hosted page. */
const typed = (card: string): Record<string, string> => ({
  card_number: card,
  exp: "12 / 49",
  cvc: "123",
  email: "payer@example.test",
});

let sandbox: Sandbox;
let stripe: Stripe;

function client(options: Partial<NonNullable<ConstructorParameters<typeof Stripe>[1]>> = {}, key = "sk_test_sandbox"): Stripe {
  return new Stripe(key, {
    host: sandbox.host,
    port: sandbox.port,
    protocol: "http",
    maxNetworkRetries: 0,
    telemetry: false,
    ...options,
  });
}

/** A monthly price of its own product. */
async function plan(unitAmount = 2900): Promise<Stripe.Price> {
  const product = await stripe.products.create({
    name: "Member",
    metadata: { rollcall_audience: "individual", rollcall_roles: "1" },
  });
  return stripe.prices.create({
    product: product.id,
    currency: "eur",
    unit_amount: unitAmount,
    recurring: { interval: "month" },
  });
}

async function session(price: Stripe.Price, customer?: Stripe.Customer): Promise<Stripe.Checkout.Session> {
  return stripe.checkout.sessions.create({
    mode: "subscription",
    customer: (customer ?? (await stripe.customers.create({ email: "ada@example.test" }))).id,
    line_items: [{ price: price.id, quantity: 1 }],
    success_url: "https://app.test/billing?session_id={CHECKOUT_SESSION_ID}",
    cancel_url: "https://app.test/",
  });
}

/** Opens the hosted page and pays with that card, as far as that goes. */
async function pay(url: string | null, card: string): Promise<Visitor> {
  assert.ok(url, "an open session has its page");
  const visitor = await new Visitor().open(url);
  assert.equal(visitor.status, 200);
  return visitor.submit(PAY, typed(card));
}

async function subscribed(): Promise<{ customer: Stripe.Customer; subscription: string }> {
  const customer = await stripe.customers.create({ email: "grace@example.test" });
  const open = await session(await plan(), customer);
  await pay(open.url, CARD);
  const done = await stripe.checkout.sessions.retrieve(open.id);
  assert.equal(done.status, "complete");
  assert.equal(typeof done.subscription, "string");
  return { customer, subscription: done.subscription as string };
}

before(async () => {
  sandbox = await startSandbox(["--empty", "--seed", "7"]);
  stripe = client();
});

after(async () => {
  assert.equal(await sandbox.stop(), 0, "it ends in order");
});

describe("customers", () => {
  test("are made, read, changed and deleted", async () => {
    const made = await stripe.customers.create({
      email: "ada@example.test",
      name: "Ada",
      metadata: { payer: "p1", discord: "42" },
    });
    assert.match(made.id, /^cus_/);
    assert.equal(made.object, "customer");
    assert.equal(made.livemode, false);
    const read = await stripe.customers.retrieve(made.id);
    assert.ok(!read.deleted);
    assert.deepEqual(read.metadata, { payer: "p1", discord: "42" });
    const changed = await stripe.customers.update(made.id, { name: "Ada L.", metadata: { payer: "p2", discord: "" } });
    assert.equal(changed.name, "Ada L.");
    assert.deepEqual(changed.metadata, { payer: "p2" }, "an empty value removes its key");
    assert.equal(changed.email, "ada@example.test");
    const deleted = await stripe.customers.del(made.id);
    assert.deepEqual({ id: deleted.id, deleted: deleted.deleted }, { id: made.id, deleted: true });
    assert.equal((await stripe.customers.retrieve(made.id)).deleted, true);
  });

  test("are listed newest first, page by page", async () => {
    const ids: string[] = [];
    for (let i = 0; i < 25; i += 1) {
      ids.push((await stripe.customers.create({ email: "many@example.test", name: `n${i}` })).id);
    }
    const listed: string[] = [];
    for await (const customer of stripe.customers.list({ email: "many@example.test", limit: 10 })) {
      listed.push(customer.id);
    }
    assert.deepEqual(listed, ids.toReversed());
    const back = await stripe.customers.list({ email: "many@example.test", limit: 3, ending_before: ids[0] as string });
    assert.deepEqual(back.data.map((customer) => customer.id), ids.slice(1, 4).toReversed());
    assert.equal(back.has_more, true);
  });
});

describe("idempotency", () => {
  test("the same key gives the same answer, told by a header", async () => {
    const idempotencyKey = randomUUID();
    const first = await stripe.customers.create({ name: "once" }, { idempotencyKey });
    const again = await stripe.customers.create({ name: "once" }, { idempotencyKey });
    assert.equal(again.id, first.id);
    assert.equal(again.lastResponse.headers["idempotent-replayed"], "true");
    assert.equal(again.lastResponse.idempotencyKey, idempotencyKey);
  });

  test("with other parameters it is refused", async () => {
    const idempotencyKey = randomUUID();
    await stripe.customers.create({ name: "one" }, { idempotencyKey });
    await assert.rejects(
      stripe.customers.create({ name: "two" }, { idempotencyKey }),
      (error) => error instanceof Stripe.errors.StripeIdempotencyError && error.statusCode === 400,
    );
  });

  test("a retry after an answer that was lost does nothing twice", async () => {
    await sandbox.control("POST", "faults", {
      target: "stripe", kind: "answer", status: 500, effect: true, method: "POST", path: "/v1/customers", count: 1,
    });
    const made = await client({ maxNetworkRetries: 2 }).customers.create({ email: "lost@example.test" });
    const listed = await stripe.customers.list({ email: "lost@example.test" });
    assert.deepEqual(listed.data.map((customer) => customer.id), [made.id]);
  });
});

describe("products and prices", () => {
  test("carry the metadata that makes a plan", async () => {
    const price = await plan(4900);
    assert.equal(price.type, "recurring");
    assert.equal(price.recurring?.interval, "month");
    const product = await stripe.products.retrieve(price.product as string);
    assert.equal(product.metadata["rollcall_audience"], "individual");
    const listed = await stripe.prices.list({ product: product.id, active: true, expand: ["data.product"] });
    const first = listed.data[0];
    assert.equal(first?.id, price.id);
    assert.equal(typeof first?.product === "object" && first.product.id, product.id);
    await stripe.prices.update(price.id, { active: false });
    assert.equal((await stripe.prices.list({ product: product.id, active: true })).data.length, 0);
  });
});

describe("checkout", () => {
  test("is paid on its page and leaves a subscription, an invoice and events", async () => {
    const customer = await stripe.customers.create({ email: "ada@example.test", metadata: { payer: "p1" } });
    const price = await plan();
    const open = await session(price, customer);
    assert.equal(open.status, "open");
    assert.equal(open.payment_status, "unpaid");
    const visitor = await pay(open.url, CARD);
    assert.equal(visitor.url, `https://app.test/billing?session_id=${open.id}`);

    const done = await stripe.checkout.sessions.retrieve(open.id, { expand: ["subscription", "line_items"] });
    assert.equal(done.status, "complete");
    assert.equal(done.payment_status, "paid");
    assert.equal(done.url, null);
    assert.equal(done.line_items?.data[0]?.price?.id, price.id);
    assert.ok(done.subscription && typeof done.subscription === "object");

    const subscription = await stripe.subscriptions.retrieve(done.subscription.id, {
      expand: ["latest_invoice.payments", "default_payment_method", "customer", "items.data.price.product"],
    });
    assert.equal(subscription.status, "active");
    const item = subscription.items.data[0];
    assert.ok(item && item.current_period_end > item.current_period_start, "the period lives on the item");
    assert.equal("current_period_end" in subscription, false);
    assert.ok(typeof item.price.product === "object" && !item.price.product.deleted);
    assert.equal(item.price.product.name, "Member");
    assert.ok(typeof subscription.customer === "object" && !subscription.customer.deleted);
    assert.equal(subscription.customer.metadata["payer"], "p1");
    assert.ok(typeof subscription.default_payment_method === "object");
    assert.equal(subscription.default_payment_method?.card?.last4, "4242");
    const invoice = subscription.latest_invoice;
    assert.ok(invoice && typeof invoice === "object");
    assert.equal(invoice.status, "paid");
    assert.equal(invoice.amount_paid, 2900);
    assert.equal(invoice.parent?.subscription_details?.subscription, subscription.id);

    const invoices = await stripe.invoices.list({ customer: customer.id });
    assert.deepEqual(invoices.data.map(({ id }) => id), [invoice.id]);
    const events = await stripe.events.list({
      types: ["checkout.session.completed", "customer.subscription.created", "invoice.paid"],
      limit: 100,
    });
    const about = events.data.filter((event) => JSON.stringify(event.data.object).includes(customer.id));
    assert.deepEqual(
      about.map((event) => event.type).toSorted(),
      ["checkout.session.completed", "customer.subscription.created", "invoice.paid"],
    );
  });

  test("a declined card says so and leaves no subscription", async () => {
    for (const card of [DECLINED, NO_FUNDS]) {
      const customer = await stripe.customers.create({});
      const open = await session(await plan(), customer);
      const visitor = await pay(open.url, card);
      assert.match(visitor.text(), card === DECLINED ? /declined/i : /insufficient funds/i);
      assert.equal((await stripe.checkout.sessions.retrieve(open.id)).status, "open");
      const left = await stripe.subscriptions.list({ customer: customer.id, status: "all" });
      assert.ok(left.data.every(({ status }) => status === "incomplete"), "nothing that gives access");
      // The page still takes another card.
      await visitor.submit(PAY, typed(CARD));
      assert.equal((await stripe.checkout.sessions.retrieve(open.id)).status, "complete");
    }
  });

  test("3-D Secure asks, and a refusal is no payment", async () => {
    const open = await session(await plan());
    const visitor = await pay(open.url, THREE_D_SECURE);
    await visitor.submit(/fail|refuse|deny/i);
    assert.equal((await stripe.checkout.sessions.retrieve(open.id)).status, "open");
    if (!visitor.forms().some((form) => form.buttons.some((button) => PAY.test(button.label)))) {
      await visitor.open(open.url as string);
    }
    await visitor.submit(PAY, typed(THREE_D_SECURE));
    await visitor.submit(/complete|confirm|authori[sz]e/i);
    assert.equal((await stripe.checkout.sessions.retrieve(open.id)).status, "complete");
  });

  test("an expired session cannot be paid", async () => {
    const open = await session(await plan());
    const expired = await stripe.checkout.sessions.expire(open.id);
    assert.equal(expired.status, "expired");
    await assert.rejects(stripe.checkout.sessions.expire(open.id), Stripe.errors.StripeInvalidRequestError);
  });
});

describe("subscriptions", () => {
  test("renew as the clock moves, and end when the period does", async () => {
    const { customer, subscription } = await subscribed();
    const before = await stripe.subscriptions.retrieve(subscription);
    const end = before.items.data[0]?.current_period_end ?? 0;
    await sandbox.control("POST", "clock", { to_ms: (end + 2 * 3600) * 1000 });
    const renewed = await stripe.subscriptions.retrieve(subscription);
    assert.equal(renewed.status, "active");
    assert.equal(renewed.items.data[0]?.current_period_start, end);
    assert.equal((await stripe.invoices.list({ customer: customer.id })).data.length, 2);
    const ending = await stripe.subscriptions.update(subscription, { cancel_at_period_end: true });
    assert.equal(ending.cancel_at_period_end, true);
    assert.equal(ending.status, "active");
    await sandbox.control("POST", "clock", { advance_months: 1 });
    assert.equal((await stripe.subscriptions.retrieve(subscription)).status, "canceled");
    assert.equal((await stripe.subscriptions.list({ customer: customer.id })).data.length, 0);
    assert.equal((await stripe.subscriptions.list({ customer: customer.id, status: "all" })).data.length, 1);
  });

  test("a customer's portal has an address", async () => {
    const { customer } = await subscribed();
    await assert.rejects(
      stripe.billingPortal.sessions.create({ customer: customer.id }),
      Stripe.errors.StripeInvalidRequestError,
      "not before the portal has its settings",
    );
    await stripe.billingPortal.configurations.create({
      features: {
        invoice_history: { enabled: true },
        payment_method_update: { enabled: true },
        subscription_cancel: { enabled: true, mode: "at_period_end" },
      },
    });
    const portal = await stripe.billingPortal.sessions.create({
      customer: customer.id,
      return_url: "https://app.test/billing",
    });
    const visitor = await new Visitor().open(portal.url);
    assert.equal(visitor.status, 200);
    assert.match(visitor.text(), /Member/);
  });
});

describe("errors are the SDK's classes", () => {
  test("unknown ids, unknown parameters and missing ones", async () => {
    await assert.rejects(stripe.customers.retrieve("cus_nobody"), (error) => {
      assert.ok(error instanceof Stripe.errors.StripeInvalidRequestError);
      assert.equal(error.statusCode, 404);
      assert.equal(error.code, "resource_missing");
      assert.ok(error.requestId?.startsWith("req_"), "every answer has its request id");
      return true;
    });
    await assert.rejects(stripe.customers.create({ nickname: "x" } as never), (error) => {
      assert.ok(error instanceof Stripe.errors.StripeInvalidRequestError);
      assert.equal(error.code, "parameter_unknown");
      assert.equal(error.param, "nickname");
      return true;
    });
    await assert.rejects(
      stripe.prices.create({ unit_amount: 1 } as never),
      (error) => error instanceof Stripe.errors.StripeInvalidRequestError && error.code === "parameter_missing",
    );
  });

  test("a key that is none", async () => {
    await assert.rejects(
      client({}, "not_a_key").customers.list(),
      (error) => error instanceof Stripe.errors.StripeAuthenticationError && error.statusCode === 401,
    );
  });

  test("a declined card", async () => {
    const customer = await stripe.customers.create({});
    const price = await plan();
    await assert.rejects(
      (async () => {
        const method = await stripe.paymentMethods.attach(REFUSING, { customer: customer.id });
        await stripe.subscriptions.create({
          customer: customer.id,
          items: [{ price: price.id }],
          default_payment_method: method.id,
          payment_behavior: "error_if_incomplete",
        });
      })(),
      (error) => {
        assert.ok(error instanceof Stripe.errors.StripeCardError, String(error));
        assert.equal(error.code, "card_declined");
        assert.equal(error.statusCode, 402);
        return true;
      },
    );
  });

  test("rate limits and failures, by order", async () => {
    await sandbox.control("POST", "faults", { target: "stripe", kind: "answer", status: 429, count: 1 });
    await assert.rejects(stripe.customers.list(), Stripe.errors.StripeRateLimitError);
    await sandbox.control("POST", "faults", { target: "stripe", kind: "answer", status: 403, count: 1 });
    await assert.rejects(stripe.customers.list(), Stripe.errors.StripePermissionError);
    await sandbox.control("POST", "faults", { target: "stripe", kind: "answer", status: 503, count: 1 });
    await assert.rejects(stripe.customers.list(), Stripe.errors.StripeAPIError);
    await sandbox.control("POST", "faults", { target: "stripe", kind: "hang", path: "/v1/customers", count: 1 });
    await assert.rejects(client({ timeout: 300 }).customers.list(), Stripe.errors.StripeConnectionError);
    await sandbox.control("POST", "faults", { target: "stripe", kind: "cut", count: 1 });
    await assert.rejects(async () => {
      const answer = await fetch(`${sandbox.base}/v1/customers`, { headers: { authorization: "Bearer sk_test_sandbox" } });
      await answer.text();
    }, TypeError);
    assert.equal((await stripe.customers.list({ limit: 1 })).data.length, 1, "and all is well again");
  });
});

describe("versions", () => {
  test("the version that the SDK pins is the one that answers", async () => {
    const made = await stripe.customers.create({});
    assert.equal(made.lastResponse.apiVersion, Stripe.API_VERSION);
    const { calls } = await sandbox.control("GET", "calls?method=POST&path=/v1/customers&last=1");
    assert.equal(calls[0].api_version, Stripe.API_VERSION);
    const pinned = "2026-09-30.endive";
    const other = await client({ apiVersion: pinned as never }).customers.create({});
    assert.equal(other.lastResponse.apiVersion, pinned);
  });
});

describe("webhooks", () => {
  interface Received { body: string; signature: string }
  let receiver: Server;
  let url: string;
  let statuses: number[] = [];
  const received: Received[] = [];
  let waiting: (() => void)[] = [];

  before(async () => {
    receiver = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        response.writeHead(statuses.shift() ?? 200).end();
        received.push({
          body: Buffer.concat(chunks).toString("utf8"),
          signature: String(request.headers["stripe-signature"]),
        });
        for (const wake of waiting.splice(0)) wake();
      });
    }).listen(0, "127.0.0.1");
    await once(receiver, "listening");
    url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/webhooks/stripe`;
  });

  after(() => {
    receiver.closeAllConnections();
    receiver.close();
  });

  /** Waits until one of the received bodies passes. */
  async function arrival(passes: (received: Received) => boolean): Promise<Received[]> {
    for (;;) {
      const found = received.filter(passes);
      if (found.length > 0) return found;
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  }

  test("are signed with the endpoint's secret, for the SDK to verify", { timeout: 20_000 }, async () => {
    const endpoint = await stripe.webhookEndpoints.create({ url, enabled_events: ["customer.created"] });
    assert.match(endpoint.secret ?? "", /^whsec_/);
    const customer = await stripe.customers.create({ name: "signed" });
    const [delivery] = await arrival(({ body }) => body.includes(customer.id));
    assert.ok(delivery);
    const event = stripe.webhooks.constructEvent(delivery.body, delivery.signature, endpoint.secret as string);
    assert.equal(event.type, "customer.created");
    assert.equal((event.data.object as Stripe.Customer).id, customer.id);
    assert.equal(event.livemode, false);
    assert.throws(
      () => stripe.webhooks.constructEvent(delivery.body, delivery.signature, "whsec_another"),
      Stripe.errors.StripeSignatureVerificationError,
    );
    await stripe.webhookEndpoints.del(endpoint.id);
  });

  test("that are refused come again, and can be made to come twice", { timeout: 20_000 }, async () => {
    const endpoint = await stripe.webhookEndpoints.create({ url, enabled_events: ["customer.created"] });
    statuses = [500];
    const customer = await stripe.customers.create({ name: "again" });
    await arrival(({ body }) => body.includes(customer.id));
    await sandbox.control("POST", "deliveries/flush", { retries: true });
    const both = await arrival(
      ({ body }) => received.filter((other) => other.body === body && body.includes(customer.id)).length === 2,
    );
    assert.equal(both.length, 2);
    await sandbox.control("POST", "faults", { target: "deliveries", double: true });
    const twice = await stripe.customers.create({ name: "twice" });
    await arrival(({ body }) => received.filter((other) => other.body === body && body.includes(twice.id)).length === 2);
    await sandbox.control("DELETE", "faults");
    await stripe.webhookEndpoints.del(endpoint.id);
  });
});
