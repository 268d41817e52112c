/** Passes: paid once, shown with their last day, ended by time alone; with and without JavaScript. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { CARD, faint, fits, flaws, heading, pay, planButton, signIn, station } from "./support/steps.ts";
import { eventually, ROLE, stage, type World } from "./support/world.ts";

const scene = stage();

const DAY_MS = 24 * 60 * 60 * 1000;
const DAYS = 90;

/** "3 March 2027", of so many days from now on the pretend world's clock. */
async function dayIn(world: World, days: number): Promise<string> {
  const { now_ms } = await world.sandbox.control("GET", "clock");
  const date = new Date(now_ms + days * DAY_MS);
  const month = new Intl.DateTimeFormat("en-GB", { month: "long", timeZone: "UTC" }).format(date);
  return `${date.getUTCDate()} ${month} ${date.getUTCFullYear()}`;
}

const passButton = (page: Page, verb: "Get" | "Extend") =>
  page.getByRole("button", { name: new RegExp(`^${verb} Season pass – 69\\s€ once$`) });

/** The lines of the section of passes, the newest first. */
async function lines(page: Page): Promise<string[]> {
  const shown = await page.getByRole("region", { name: "Passes" }).getByRole("listitem").allInnerTexts();
  return shown.map((text) => text.replace(/\s+/g, " ").trim());
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

  scene(`a pass is bought, shown with its last day, and over when that has come${how}`, async ({ world, visitor }) => {
    const person = await world.person(named("Cecilia Payne"));
    const page = await visitor({ javaScriptEnabled });
    await signIn(page, person);
    await passButton(page, "Get").click();
    await page.locator("#card_number").waitFor();
    const last = await dayIn(world, DAYS);
    await pay(page, CARD.works);
    await heading(page, `You’re in until ${last}.`).waitFor();
    await eventually(async () => {
      await page.goto("/billing");
      assert.equal(await station(page, "Discord").locator(".word").innerText(), "Confirmed");
    });
    assert.deepEqual((await world.atDiscord(person)).roles, [ROLE.member]);
    assert.equal(await station(page, "Payment").locator(".word").innerText(), "Paid");
    const [line = "", ...others] = await lines(page);
    assert.deepEqual(others, []);
    assert.ok(line.includes("Running") && line.includes(`to ${last}`) && line.includes("69 € once"), line);
    if (javaScriptEnabled) await good(page);
    const { subscriptions, charges } = await world.atStripe(person);
    assert.deepEqual([subscriptions.length, charges.length], [0, 1], "one payment, and nothing that renews");

    // Nobody does anything: time alone ends it.
    await world.sandbox.control("POST", "clock", { advance_hours: DAYS * 24 });
    await eventually(async () => assert.deepEqual((await world.atDiscord(person)).roles, []), 20_000);
    await page.goto("/billing");
    await heading(page, `Your pass ended on ${last}.`).waitFor();
    assert.match((await lines(page))[0] ?? "", /Over/);
    if (javaScriptEnabled) await good(page);
    await page.getByRole("link", { name: "Come back: see the plans" }).click();
    await passButton(page, "Get").waitFor();
    assert.equal((await world.atStripe(person)).charges.length, 1);
  });
}

scene("a second pass begins when the first ends, and a plan is still to be had", async ({ world, visitor }) => {
  const person = await world.person("Ada Yonath");
  const page = await visitor();
  await signIn(page, person);
  for (const [verb, days] of [["Get", DAYS], ["Extend", 2 * DAYS]] as const) {
    await page.goto("/");
    await passButton(page, verb).click();
    await page.locator("#card_number").waitFor();
    const last = await dayIn(world, days);
    await pay(page, CARD.works);
    await heading(page, `You’re in until ${last}.`).waitFor();
  }
  const [later = "", running = ""] = await lines(page);
  assert.match(later, /Starts later/);
  assert.match(running, /Running/);
  await good(page);
  await page.goto("/");
  await planButton(page, "Patron", "month").waitFor();
});

scene("a pass by bank debit says that its payment is on its way, until the bank has paid", async ({ world, visitor }) => {
  const person = await world.person("Dorothea Bate");
  const page = await visitor();
  await signIn(page, person);
  await passButton(page, "Get").click();
  await page.getByText("Pay by SEPA debit").click();
  await page.locator("#iban").fill("DE89 3704 0044 0532 0130 00");
  await page.locator("#pay-debit").click();
  await heading(page, "Your payment is on its way.").waitFor();
  assert.match((await lines(page))[0] ?? "", /Waits for its payment/);
  await good(page);
  assert.deepEqual((await world.atDiscord(person)).roles, []);
  await world.sandbox.control("POST", "clock", { advance_hours: 4 * 24 });
  await eventually(async () => assert.deepEqual((await world.atDiscord(person)).roles, [ROLE.member]), 20_000);
  await page.goto("/billing");
  await heading(page, /^You’re in until /).waitFor();
});
