/** Changing a membership: seen before it happens, taken back, paused, ended; with and without JavaScript. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { active, becomeMember, CARD, faint, fits, flaws, heading } from "./support/steps.ts";
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
    assert.match(await said(page), /^Nothing today\. From \d+ \w+ \d{4}: 29 € a month\.$/);
    await page.getByText("Until then everything stays open").waitFor();
    if (javaScriptEnabled) await good(page);
    await page.getByRole("button", { name: /^Go to Member on / }).click();
    await page.getByText(/^You go to Member on /).waitFor();
    assert.match(await said(page), /^You’re in\. On \d+ \w+ \d{4} you go to Member for 29 € a month\.$/);
    if (javaScriptEnabled) await good(page);
    await page.getByRole("button", { name: "Stay on Patron" }).click();
    await page.getByText("You stay on Patron.").waitFor();
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
