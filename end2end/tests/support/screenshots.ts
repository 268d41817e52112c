/**
 * Pictures of every page, for eyes: `make pictures`, or, where all is built,
 * `node --import tsx tests/support/screenshots.ts [OUTDIR] [GROUP…]` in `end2end`. Each at the width
 * of a phone and of a desk, light and dark; into `target/pictures` unless said otherwise. The groups
 * stand at the end; `states` is every state of the dashboard.
 */
import { mkdir } from "node:fs/promises";
import path from "node:path";
import type { Page } from "playwright-core";
import { root } from "./processes.ts";
import { companies } from "./screenshots-company.ts";
import { active, becomeMember, CARD, choose, heading, pay, signIn, station } from "./steps.ts";
import { eventually, OPERATOR, startWorld, type World } from "./world.ts";

const [out = path.join(root, "target/pictures"), ...wanted] = process.argv.slice(2);
await mkdir(out, { recursive: true });

const WIDTHS = [390, 1280];
const PAPERS = ["light", "dark"] as const;

async function picture(page: Page, name: string): Promise<void> {
  for (const colorScheme of PAPERS) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: width === 390 ? 844 : 900 });
      await page.evaluate("document.fonts.ready.then(() => true)");
      await page.screenshot({ path: path.join(out, `${name}-${width}-${colorScheme}.png`), fullPage: true });
    }
  }
  await page.setViewportSize({ width: 1280, height: 900 });
}

async function signedOut(world: World): Promise<void> {
  const { page, context } = await world.open();
  await page.goto("/");
  await picture(page, "landing");
  await page.goto("/?interval=year&left=1");
  await picture(page, "landing-year-left");
  await page.goto("/?problem=stripe-unreachable");
  await picture(page, "landing-problem");
  for (const reason of ["denied", "state", "discord-down", "refused", "no-email", "too-many"]) {
    await page.goto(`/login/problem?reason=${reason}`);
    await picture(page, `login-${reason}`);
  }
  await page.goto("/nowhere");
  await picture(page, "not-found");
  await page.goto("/login?next=%2Fbilling");
  await page.locator("#authorize").waitFor();
  await picture(page, "discord-consent");
  await context.close();
}

async function paying(world: World): Promise<void> {
  const { page, context } = await world.open();
  await signIn(page, await world.person("Margaret Burbidge"), "/billing");
  await picture(page, "billing-none");
  await page.goto("/");
  await picture(page, "landing-signed-in");
  await choose(page, "Patron");
  await picture(page, "stripe-checkout");
  const silence = { target: "stripe", kind: "answer", status: 500, method: "GET", path: "/v1/subscriptions" };
  await world.sandbox.control("POST", "faults", silence);
  await world.sandbox.control("POST", "faults", {
    ...{ target: "discord", kind: "answer", status: 503, method: "PUT", path: "/roles/" },
  });
  await page.clock.install();
  await pay(page, CARD.works);
  await heading(page, "Activating your membership…").waitFor();
  await page.locator("html[data-awake]").waitFor();
  await page.clock.pauseAt(Date.now() + 500);
  await picture(page, "billing-activating");
  await eventually(async () => {
    await page.clock.runFor(1_000);
    if (!(await heading(page, "This takes longer than usual.").isVisible())) throw new Error("still activating");
  }, 90_000);
  await picture(page, "billing-activating-long");
  await world.sandbox.control("POST", "faults/clear", { target: "stripe" });
  await page.getByRole("link", { name: "Look again" }).click();
  await active(page).waitFor();
  await picture(page, "billing-returned-role-under-way");
  await context.close();
  await world.sandbox.control("DELETE", "faults");
}

async function member(world: World): Promise<void> {
  const { page, context } = await world.open();
  const person = await world.person("Beatrice Tinsley");
  await becomeMember(page, person, "Member");
  await picture(page, "billing-returned");
  await eventually(async () => {
    await page.goto("/billing");
    if ((await station(page, "Discord").locator(".word").innerText()) !== "Confirmed") throw new Error("no role yet");
  });
  await picture(page, "billing-active");
  await page.goto("/");
  await picture(page, "landing-member");
  await page.goto("/billing?session_id=cs_test_nobodys");
  await picture(page, "billing-not-yours");
  await page.goto("/billing?problem=stripe-unreachable");
  await picture(page, "billing-problem");
  const { subscriptions } = await world.atStripe(person);
  const subscription = subscriptions[0].id;
  await world.sandbox.control("POST", "stripe/cancel_at_period_end", { subscription });
  await shows(page, /does not renew/);
  await picture(page, "billing-ending");
  await world.sandbox.control("POST", "stripe/keep", { subscription });
  await shows(page, /Renews on/);
  await world.sandbox.control("POST", "discord/leave", { user: person });
  await world.sandbox.control("POST", "stripe/card_declines", { subscription });
  await world.sandbox.control("POST", "clock", { advance_months: 1, advance_hours: 3 });
  await shows(page, /A payment is missing/);
  await picture(page, "billing-past-due");
  await world.sandbox.control("POST", "stripe/cancel", { subscription });
  await shows(page, /Your membership ended/);
  await picture(page, "billing-ended");
  await page.goto(world.sandbox.base);
  await picture(page, "world");
  await context.close();
}

/** Another plan, a way back, a pause: what is seen before, and how it stands afterwards. */
async function changing(world: World): Promise<void> {
  const { page, context } = await world.open();
  const person = await world.person("Dorothy Hodgkin");
  await becomeMember(page, person, "Patron");
  await page.goto("/billing/change");
  await picture(page, "change-choices");
  await page.getByRole("region", { name: "Paid monthly" }).getByRole("link").click();
  await heading(page, /Nothing today/).waitFor();
  await picture(page, "change-down");
  await page.getByRole("button", { name: /^Go to Member/ }).click();
  await heading(page, /You go to Member/).waitFor();
  await picture(page, "billing-downgrade-scheduled");
  await page.goto("/billing/cancel");
  await picture(page, "cancel-pause-offered");
  await page.getByRole("button", { name: /^Pause until/ }).first().click();
  await heading(page, /^Paused until/).waitFor();
  await picture(page, "billing-paused");
  await page.getByRole("button", { name: "Resume now" }).click();
  await active(page).waitFor();
  await page.goto("/billing/change");
  await page.getByRole("region", { name: "Paid yearly" }).locator("li", { hasText: "Patron" }).getByRole("link").click();
  await heading(page, /^Today/).waitFor();
  await picture(page, "change-up");
  const { subscriptions } = await world.atStripe(person);
  await world.sandbox.control("POST", "stripe/card_declines", { subscription: subscriptions[0].id });
  await page.getByRole("button", { name: /^Pay / }).click();
  await page.getByText("is not paid yet").first().waitFor();
  await picture(page, "billing-upgrade-pending");
  await page.goto("/billing/change");
  await picture(page, "change-refused");
  await world.sandbox.control("POST", "clock", { advance_hours: 24 });
  await eventually(async () => {
    await page.goto("/billing");
    if (!(await page.getByText(/lapsed on/).isVisible())) throw new Error("not lapsed");
  }, 20_000);
  await picture(page, "billing-upgrade-lapsed");
  await page.goto("/billing?problem=portal-not-configured");
  await picture(page, "billing-portal-not-configured");
  await context.close();
}

/** On trial, and with a second subscription beside the first. */
async function beside(world: World): Promise<void> {
  const { page, context } = await world.open();
  const { stripe } = await world.sandbox.control("GET", "state");
  const product = stripe.products.find((row: any) => row.name === "Member").id;
  await world.stripe("POST", `/products/${product}`, { "metadata[rollcall_trial_days]": "14" });
  await eventually(async () => {
    await page.goto("/");
    if (!(await page.getByText(/14 days/).first().isVisible())) throw new Error("no trial on offer");
  });
  const person = await world.person("Jocelyn Bell");
  await signIn(page, person);
  await choose(page, "Member");
  await pay(page, CARD.works);
  await heading(page, /on trial/).waitFor();
  await shows(page, /on trial/);
  await picture(page, "billing-trial");
  const { customers } = await world.atStripe(person);
  const price = stripe.prices.find((row: any) => row.unit_amount === 7900).id;
  await world.sandbox.control("POST", "stripe/card_works", { customer: customers[0].id });
  await world.sandbox.control("POST", "stripe/subscribe", { customer: customers[0].id, price });
  await eventually(async () => {
    await page.goto("/billing");
    if (!(await page.getByText("Also running").isVisible())) throw new Error("one subscription only");
  }, 20_000);
  await picture(page, "billing-several");
  await context.close();
}

async function shows(page: Page, sentence: RegExp): Promise<void> {
  await eventually(async () => {
    await page.goto("/billing");
    if (!(await heading(page, sentence).isVisible())) throw new Error(`no heading ${sentence}`);
    // For a moment after the clock was moved, mail that is due looks late.
    if (await page.getByText("Mail to you is delayed.").isVisible()) throw new Error("mail is on its way");
  }, 20_000);
}

/** The desk with something in each of its lists. */
async function desk(world: World): Promise<void> {
  const { page, context } = await world.open();
  await signIn(page, OPERATOR);
  for (const empty of ["work", "incidents", "roles"]) {
    await page.goto(`/admin/${empty}`);
    await picture(page, `admin-${empty}-empty`);
  }
  const other = await world.open();
  const person = await world.person("Vera Rubin");
  await becomeMember(other.page, person, "Member");
  await other.context.close();
  const { role } = await world.sandbox.control("POST", "discord/role_create", { name: "Observers", permissions: "0" });
  const { data } = await world.stripe("GET", "/products?limit=100");
  const product = data.find((one: any) => one.name === "Member");
  const member = product.metadata.rollcall_roles;
  await world.stripe("POST", `/products/${product.id}`, { "metadata[rollcall_roles]": `${member},${role}` });
  // Kick Members and Ban Members.
  await world.sandbox.control("POST", "discord/role_permissions", { role: member.split(",")[0], permissions: "6" });
  const refusal = { target: "stripe", kind: "answer", status: 400, method: "GET", path: "/v1/subscriptions" };
  await world.sandbox.control("POST", "faults", refusal);
  const customer = (await world.atStripe(person)).customers[0].id;
  await page.goto(`/admin/inbox?type=invoice.paid&customer=${customer}`);
  await page.getByRole("button", { name: /^Replay/ }).click();
  await page.getByText("Marked. Whoever").waitFor();
  await picture(page, "admin-inbox-replayed");
  await world.sandbox.control("POST", "clock", { advance_minutes: 11 });
  await eventually(async () => {
    await page.goto("/admin/roles");
    if (!(await page.getByText("Carries Kick Members").first().isVisible())) throw new Error("not read yet");
  }, 20_000);
  await picture(page, "admin-roles");
  for (const name of ["inbox", "work", "incidents"]) {
    await page.goto(`/admin/${name}`);
    await picture(page, `admin-${name}`);
  }
  await page.goto("/admin");
  await picture(page, "admin-overview");
  await page.goto(`/admin/people?q=${person}`);
  await picture(page, "admin-people");
  await context.close();
  await world.sandbox.control("DELETE", "faults");
}

const passButton = (page: Page) => page.getByRole("button", { name: /^(Get|Extend) Season pass/ });

/** A pass that runs, one that follows it, one whose bank has not paid, and one that is over. */
async function passes(world: World): Promise<void> {
  const { page, context } = await world.open();
  await signIn(page, await world.person("Cecilia Payne"));
  await passButton(page).click();
  await pay(page, CARD.works);
  await heading(page, /^You’re in until /).waitFor();
  await eventually(async () => {
    await page.goto("/billing");
    if ((await station(page, "Discord").locator(".word").innerText()) !== "Confirmed") throw new Error("no role yet");
  });
  await picture(page, "billing-pass");
  await page.goto("/");
  await picture(page, "landing-pass");
  await passButton(page).click();
  await pay(page, CARD.works);
  await heading(page, /^You’re in until /).waitFor();
  await page.goto("/billing");
  await picture(page, "billing-pass-extended");
  await world.sandbox.control("POST", "clock", { advance_days: 181 });
  await shows(page, /Your pass ended/);
  await picture(page, "billing-pass-over");
  const waiting = await world.open();
  await signIn(waiting.page, await world.person("Dorothea Bate"));
  await passButton(waiting.page).click();
  await waiting.page.getByText("Pay by SEPA debit").click();
  await waiting.page.locator("#iban").fill("DE89 3704 0044 0532 0130 00");
  await waiting.page.locator("#pay-debit").click();
  await heading(waiting.page, "Your payment is on its way.").waitFor();
  await picture(waiting.page, "billing-pass-waiting");
  await waiting.context.close();
  await context.close();
}

/** A trial that ended without a card: nothing to charge, something to charge, and a charge that failed. */
async function trialOver(world: World): Promise<void> {
  const { page, context } = await world.open();
  const person = await world.person("Mary Cartwright");
  await signIn(page, person);
  await choose(page, "Member");
  await pay(page, CARD.works);
  await heading(page, /on trial/).waitFor();
  const customer = (await world.atStripe(person)).customers[0].id;
  for (const { id } of (await world.stripe("GET", `/payment_methods?customer=${customer}`)).data) {
    await world.stripe("POST", `/payment_methods/${id}/detach`, {});
  }
  await world.sandbox.control("POST", "clock", { advance_days: 15 });
  await shows(page, /Add a card/);
  await picture(page, "billing-trial-over");
  await world.sandbox.control("POST", "stripe/card_declines", { customer });
  await page.goto("/billing?from=portal");
  await page.getByRole("button", { name: /^Go on and pay/ }).waitFor();
  await page.goto("/billing");
  await picture(page, "billing-trial-over-with-card");
  await page.getByRole("button", { name: /^Go on and pay/ }).click();
  await page.getByText("Your first payment is not through yet.").waitFor();
  await picture(page, "billing-trial-over-declined");
  // Whoever comes next pays at once.
  const { data } = await world.stripe("GET", "/products?limit=100");
  const product = data.find((one: any) => one.name === "Member").id;
  await world.stripe("POST", `/products/${product}`, { "metadata[rollcall_trial_days]": "" });
  await eventually(async () => {
    await page.goto("/");
    if (await page.getByText(/14 days/).first().isVisible()) throw new Error("the trial is still on offer");
  });
  await context.close();
}

/** A promotion code on the plans, one that counts and one that does not. */
async function codes(world: World): Promise<void> {
  const { page, context } = await world.open();
  const coupon = await world.stripe("POST", "/coupons", { percent_off: "20", duration: "repeating", duration_in_months: "3" });
  const form = { "promotion[type]": "coupon", "promotion[coupon]": coupon.id, code: "SPRING" };
  await world.stripe("POST", "/promotion_codes", form);
  await page.goto("/?code=SPRING");
  await page.getByText("SPRING").first().waitFor();
  await picture(page, "landing-code");
  await page.goto("/?code=NOBODYS");
  await picture(page, "landing-code-unknown");
  await context.close();
}

const GROUPS: Record<string, ((world: World) => Promise<void>)[]> = {
  doors: [signedOut],
  states: [paying, member, changing, passes, beside, trialOver],
  checkout: [paying],
  members: [member],
  changes: [changing, beside],
  passes: [passes],
  trials: [beside, trialOver],
  plans: [codes],
  company: [(world) => companies(world, picture)],
  desk: [desk],
};
const groups = wanted.length > 0 ? wanted : ["doors", "plans", "states", "company", "desk"];
const unknown = groups.filter((group) => !GROUPS[group]);
if (unknown.length > 0) throw new Error(`no group ${unknown.join(", ")}: ${Object.keys(GROUPS).join(", ")}`);
const world = await startWorld({ PAUSE_OFFER_MONTHS: "1,2,3", PROMOTION_CODES: "on" });
try {
  for (const take of new Set(groups.flatMap((group) => GROUPS[group] ?? []))) await take(world);
} finally {
  await world.stop();
}
