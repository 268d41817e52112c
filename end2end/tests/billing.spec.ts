/** The dashboard of a member, and the way to Stripe's portal. */
import assert from "node:assert/strict";
import { active, becomeMember, consent, faint, fits, flaws, heading, signIn, station } from "./support/steps.ts";
import { eventually, ROLE, stage } from "./support/world.ts";

const scene = stage();

scene("the dashboard says what one has, what it costs, and why", async ({ world, visitor }) => {
  const person = await world.person("Grace Chisholm");
  const page = await visitor();
  await becomeMember(page, person, "Patron");
  await eventually(async () => {
    await page.goto("/billing");
    assert.equal(await station(page, "Discord").locator(".word").innerText(), "Confirmed");
  });
  await heading(page, /^You’re in\. Renews on \d+ \w+ \d{4} for 79 €\.$/).waitFor();
  assert.equal(await station(page, "Payment").locator(".word").innerText(), "Paid");
  assert.equal(await station(page, "Membership").locator(".word").innerText(), "Active");

  const row = (label: string) => page.locator("dl.rows .row", { hasText: label }).locator("dd");
  assert.equal(await row("Plan").innerText(), "Patron");
  assert.equal((await row("Price").innerText()).replace(/\s+/g, " "), "79 € a month");
  assert.match(await row("Next payment").innerText(), /^\d+ \w+ \d{4}$/);
  assert.equal(await row("Paid with").innerText(), "Visa ending in 4242, valid until 12/2049");

  const invoice = page.locator("li.invoice");
  assert.equal(await invoice.count(), 1);
  await invoice.getByText("Paid", { exact: true }).waitFor();
  assert.equal((await invoice.locator(".amount").innerText()).replace(/\s+/g, " "), "79 €");

  const { subscriptions } = await world.atStripe(person);
  const why = (await page.locator("ol.why").innerText()).replace(/\s+/g, " ");
  assert.match(why, new RegExp(`subscription ${subscriptions[0].id} to Patron is “active”`));
  assert.match(why, /That gives you the plan Patron\. The membership is paid\./);
  assert.match(why, /Role Patron: Discord confirmed it\./);
  assert.deepEqual([...(await flaws(page)), ...(await faint(page))], []);

  await page.setViewportSize({ width: 360, height: 740 });
  await fits(page);

  await invoice.getByRole("link", { name: /^View/ }).click();
  await page.getByText("79.00").first().waitFor();
  assert.ok(page.url().startsWith(`${world.sandbox.base}/invoice/`), page.url());
});

scene("whoever has nothing is told so, and where the plans are", async ({ world, visitor }) => {
  const page = await visitor();
  await signIn(page, await world.person("Maryam Mirzakhani"), "/billing");
  await heading(page, "You have no membership yet.").waitFor();
  assert.deepEqual(await flaws(page), []);
  assert.equal(await page.locator("ol.chain").count(), 0);
  await page.getByRole("main").getByRole("link", { name: "See the plans" }).click();
  await page.getByRole("heading", { level: 2, name: "Plans" }).waitFor();
});

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without JavaScript";
  scene(`Stripe's portal opens and leads back, and what was done there shows${how}`, async ({ world, visitor }) => {
    const person = await world.person(javaScriptEnabled ? "Sofia Kovalevskaya" : "Mary Cartwright");
    const page = await visitor({ javaScriptEnabled });
    await becomeMember(page, person);
    await page.getByRole("button", { name: "Change the card" }).click();
    await page.getByRole("heading", { name: "Update your payment method" }).waitFor();
    await page.locator("#card_number").fill("5555 5555 5555 4444");
    await page.locator("#exp").fill("12 / 49");
    await page.locator("#cvc").fill("123");
    await page.locator("#save-card").click();
    await page.waitForURL(`${world.base}/billing?from=portal`);
    // Read on the way back: there is nothing to wait for.
    await page.getByText("Mastercard ending in 4444").waitFor();
    await active(page).waitFor();
    assert.deepEqual((await world.atDiscord(person)).roles, [ROLE.member]);
  });
}

scene("Stripe out of order: the portal button says so and the dashboard stays", async ({ world, visitor }) => {
  const page = await visitor();
  await becomeMember(page, await world.person("Olga Ladyzhenskaya"));
  const fault = { target: "stripe", kind: "answer", status: 500, path: "/billing_portal/sessions" };
  await world.sandbox.control("POST", "faults", fault);
  await page.getByRole("button", { name: "Change the card" }).click();
  await page.getByRole("alert").getByText("Stripe has trouble of its own.").waitFor();
  await active(page).waitFor();
  assert.deepEqual(await faint(page), []);
  await world.sandbox.control("DELETE", "faults");
  await page.getByRole("button", { name: "Change the card" }).click();
  await page.getByRole("heading", { name: "Update your payment method" }).waitFor();
});

scene("a checkout of somebody else, or none at all, is refused alike and shows nothing", async ({ world, visitor }) => {
  const payer = await world.person("Mary Somerville Jr");
  await becomeMember(await visitor(), payer);
  const session = (await world.atStripe(payer)).sessions[0].id;

  const page = await visitor({ expected: [/status of 404/] });
  await signIn(page, await world.person("Eve Dropper"));
  const told: string[] = [];
  for (const id of [session, "cs_test_nobodys"]) {
    const answer = await page.goto(`/billing?session_id=${id}`);
    assert.equal(answer?.status(), 404);
    await heading(page, "This checkout is not yours, or does not exist.").waitFor();
    told.push(await page.locator("main").innerText());
    assert.deepEqual(await flaws(page), []);
  }
  assert.equal(told[0], told[1]);
  await page.goto("/billing");
  await heading(page, "You have no membership yet.").waitFor();
});

scene("whoever is signed out is led to sign-in, and back to the same address", async ({ world, visitor }) => {
  const person = await world.person("Sophie Germain");
  const page = await visitor();
  await becomeMember(page, person);
  const session = (await world.atStripe(person)).sessions[0].id;
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("link", { name: "Sign in with Discord" }).waitFor();
  await page.goto(`/billing?session_id=${session}`);
  await consent(page, person);
  await active(page).waitFor();
  assert.equal(page.url(), `${world.base}/billing?session_id=${session}`);
});
