/** Changing a membership: seen before it happens, taken back, paused, ended; with and without JavaScript. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { active, becomeMember, CARD, choose, faint, fits, flaws, heading, pay, signIn } from "./support/steps.ts";
import { eventually, ROLE, stage, type World } from "./support/world.ts";

const scene = stage({ PAUSE_OFFER_MONTHS: "1,3" });

/** From the dashboard to the preview of a plan. */
async function see(page: Page, plan: string, every: "Paid monthly" | "Paid yearly" = "Paid monthly"): Promise<void> {
  await page.goto("/billing");
  await page.getByRole("link", { name: "Change your plan" }).click();
  await heading(page, "Change your plan").waitFor();
  const choice = page.getByRole("region", { name: every }).locator("li.choice", { hasText: plan });
  await choice.getByRole("link", { name: /^See what it costs/ }).click();
}

const plain = (text: string) => text.replace(/\s+/g, " ").trim();

async function said(page: Page): Promise<string> {
  return plain(await page.locator("h1").innerText());
}

async function rolesAre(world: World, person: string, roles: string[]): Promise<void> {
  await eventually(async () => assert.deepEqual((await world.atDiscord(person)).roles, roles));
}

async function good(page: Page): Promise<void> {
  assert.deepEqual([...(await flaws(page)), ...(await faint(page))], []);
  await page.setViewportSize({ width: 360, height: 740 });
  await fits(page);
  await page.setViewportSize({ width: 1280, height: 900 });
}

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without JavaScript";
  const named = (name: string) => (javaScriptEnabled ? name : `${name} Plain`);

  scene(`an upgrade says its price, is paid, and opens its roles${how}`, async ({ world, visitor }) => {
    const person = await world.person(named("Emmy Noether"));
    const page = await visitor({ javaScriptEnabled });
    await becomeMember(page, person, "Member");
    await see(page, "Patron");
    const sentence = await said(page);
    const today = /^Today: ([\d.]+) €\. Then 79 € a month from \d+ \w+ \d{4}\.$/.exec(sentence)?.[1];
    assert.ok(today, sentence);
    if (javaScriptEnabled) await good(page);
    assert.equal((await world.atStripe(person)).charges.length, 1, "looking costs nothing");
    await page.getByRole("button", { name: `Pay ${today} € and go to Patron` }).click();
    await page.getByText("You have Patron now.").waitFor();
    const { charges } = await world.atStripe(person);
    assert.equal(charges.length, 2);
    assert.ok(charges.some((charge) => charge.amount === Math.round(Number(today) * 100)));
    await rolesAre(world, person, [ROLE.patron]);
  });

  scene(`a downgrade waits, is shown with its date, and is taken back${how}`, async ({ world, visitor }) => {
    const person = await world.person(named("Hypatia"));
    const page = await visitor({ javaScriptEnabled });
    await becomeMember(page, person, "Patron");
    await see(page, "Member");
    assert.match(await said(page), /^Nothing today\. Then 29 € a month from \d+ \w+ \d{4}\.$/);
    await page.getByText("Until then everything stays open").waitFor();
    if (javaScriptEnabled) await good(page);
    await page.getByRole("button", { name: /^Go to Member on / }).click();
    await page.locator(".notice-title", { hasText: /^You go to Member on / }).waitFor();
    assert.match(await said(page), /^You’re in\. You go to Member on \d+ \w+ \d{4}, for 29 € a month\.$/);
    if (javaScriptEnabled) await good(page);
    await page.getByRole("button", { name: "Stay on Patron" }).click();
    await page.getByText("You stay on Patron, paid monthly.").waitFor();
    await active(page).waitFor();
    assert.equal((await world.atStripe(person)).charges.length, 1);
    assert.deepEqual((await world.atDiscord(person)).roles, [ROLE.patron]);
  });

  scene(`cancelling goes straight to Stripe, shows on return, and is taken back${how}`, async ({ world, visitor }) => {
    const person = await world.person(named("Rosalind Franklin"));
    const page = await visitor({ javaScriptEnabled });
    await becomeMember(page, person, "Member");
    await page.goto("/billing");
    await page.getByRole("link", { name: "Pause or cancel" }).click();
    await heading(page, "Pause instead of leaving?").waitFor();
    if (javaScriptEnabled) await good(page);
    await page.getByRole("button", { name: "Go on to cancel at Stripe" }).click();
    await page.locator("#confirm-cancel").click();
    await page.waitForURL(`${world.base}/billing?from=portal`);
    await heading(page, /^You’re in until \d+ \w+ \d{4}\. It does not renew\.$/).waitFor();
    await page.getByRole("button", { name: "Keep my membership" }).click();
    await page.getByText("Your membership goes on.").waitFor();
    await active(page).waitFor();
    assert.deepEqual((await world.atDiscord(person)).roles, [ROLE.member]);
  });

  scene(`a pause says when it ends, and is resumed${how}`, async ({ world, visitor }) => {
    const person = await world.person(named("Lise Meitner"));
    const page = await visitor({ javaScriptEnabled });
    await becomeMember(page, person, "Member");
    await page.goto("/billing/cancel");
    await page.getByText(/your roles in Discord rest, and nothing is charged/).waitFor();
    await page.getByRole("button", { name: /^Pause until / }).first().click();
    await page.getByText("Your membership is paused.").waitFor();
    assert.match(await said(page), /^Paused until \d+ \w+ \d{4}\. You stay in until \d+ \w+ \d{4}\.$/);
    if (javaScriptEnabled) await good(page);
    await page.getByRole("button", { name: "Resume now" }).click();
    await page.getByText("Your membership runs again.").waitFor();
    await active(page).waitFor();
  });
}

scene("an upgrade the bank wants confirmed waits, and counts once it is", async ({ world, visitor }) => {
  const person = await world.person("Chien-Shiung Wu");
  const page = await visitor();
  await becomeMember(page, person, "Member");
  const { subscriptions } = await world.atStripe(person);
  await world.sandbox.control("POST", "stripe/card_declines", { subscription: subscriptions[0].id });
  await see(page, "Patron");
  await page.getByRole("button", { name: /^Pay / }).click();
  await page.getByText("Your change to Patron is not paid yet.").waitFor();
  await page.getByText(/you have Member and were not charged/).waitFor();
  await good(page);
  assert.deepEqual((await world.atDiscord(person)).roles, [ROLE.member]);
  await page.getByRole("link", { name: "Pay at Stripe" }).click();
  await page.locator("#card_number").fill(CARD.asks);
  await page.locator("#exp").fill("12 / 49");
  await page.locator("#cvc").fill("123");
  await page.locator("#pay").click();
  await page.locator("#complete-3ds").click();
  await page.getByText("This invoice is paid.").waitFor();
  await rolesAre(world, person, [ROLE.patron]);
});

/** Gives a plan a trial, as its operator does at Stripe, and waits until the page offers it. */
async function offerTrial(world: World, page: Page, plan: string): Promise<void> {
  const { data } = await world.stripe("GET", "/products?limit=100");
  const product = data.find((one: any) => one.name === plan);
  await world.stripe("POST", `/products/${product.id}`, { "metadata[rollcall_trial_days]": "14" });
  await eventually(async () => {
    await page.goto("/");
    assert.ok(await page.getByText("First 14 days free.").first().isVisible());
  });
}

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without JavaScript";
  const named = (name: string) => (javaScriptEnabled ? name : `${name} Plain`);

  scene(`a change from monthly to yearly says so wherever it is told${how}`, async ({ world, visitor }) => {
    const person = await world.person(named("Sofia Kovalevskaya"));
    const page = await visitor({ javaScriptEnabled });
    await becomeMember(page, person, "Patron");
    await see(page, "Patron", "Paid yearly");
    await page.getByText("Patron, from monthly to yearly").waitFor();
    await page.getByText("Patron stays as it is, and so do your roles.").waitFor();
    assert.doesNotMatch(plain(await page.locator("main").innerText()), /Patron to Patron|go to Patron/);
    if (javaScriptEnabled) await good(page);
    await page.getByRole("button", { name: /^Pay .* and go yearly$/ }).click();
    await page.getByText(/^You pay 790\s€ a year for Patron now\.$/).waitFor();
    await page.goto("/billing");
    await see(page, "Patron", "Paid monthly");
    await page.getByRole("button", { name: /^Go monthly on \d+ \w+ \d{4}$/ }).click();
    await page.locator(".notice-title", { hasText: /^You go from yearly to monthly on / }).waitFor();
    assert.match(await said(page), /^You’re in\. You go from yearly to monthly on \d+ \w+ \d{4}, for 79 € a month\.$/);
    if (javaScriptEnabled) await good(page);
    await page.getByRole("button", { name: "Stay on yearly" }).click();
    await page.getByText("You stay on Patron, paid yearly.").waitFor();
    await active(page).waitFor();
    assert.deepEqual((await world.atDiscord(person)).roles, [ROLE.patron]);
  });

  scene(`a trial that ended without a card goes on with one${how}`, async ({ world, visitor }) => {
    const person = await world.person(named("Hertha Ayrton"));
    const page = await visitor({ javaScriptEnabled });
    await offerTrial(world, page, "Member");
    await signIn(page, person);
    await choose(page, "Member");
    await pay(page, CARD.works);
    await heading(page, /^You’re in, on trial\./).waitFor();
    await rolesAre(world, person, [ROLE.member]);
    const customer = (await world.atStripe(person)).customers[0].id;
    for (const { id } of (await world.stripe("GET", `/payment_methods?customer=${customer}`)).data) {
      await world.stripe("POST", `/payment_methods/${id}/detach`, {});
    }
    await world.sandbox.control("POST", "clock", { advance_days: 15 });
    await eventually(async () => {
      await page.goto("/billing");
      assert.equal(await said(page), "Your trial is over. Add a card to go on.");
    }, 20_000);
    await rolesAre(world, person, []);
    if (javaScriptEnabled) await good(page);

    await page.getByRole("button", { name: "Add a card" }).click();
    await heading(page, "Update your payment method").waitFor();
    await page.locator("#card_number").fill("5555 5555 5555 4444");
    await page.locator("#exp").fill("12 / 49");
    await page.locator("#cvc").fill("123");
    await page.locator("#save-card").click();
    await heading(page, /^Your trial is over\. Go on for 29\s€ a month\.$/).waitFor();
    assert.deepEqual((await world.atStripe(person)).charges, [], "a card alone buys nothing");
    if (javaScriptEnabled) await good(page);
    await page.getByRole("button", { name: /^Go on and pay 29\s€$/ }).click();
    await page.getByText("Your membership goes on.").waitFor();
    await active(page).waitFor();
    await rolesAre(world, person, [ROLE.member]);
    const { charges } = await world.atStripe(person);
    assert.deepEqual(charges.map(({ amount }) => amount), [2900]);
  });
}
