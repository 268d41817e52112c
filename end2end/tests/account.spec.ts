/** One's account: one's data, another account at Discord, leaving for good. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import type { Page } from "playwright-core";
import { becomeMember, consent, faint, fits, flaws, heading, signIn } from "./support/steps.ts";
import { eventually, OPERATOR, ROLE, stage, type World } from "./support/world.ts";

const scene = stage();

const holds = (world: World, person: string, role: string) =>
  eventually(async () => assert.ok((await world.atDiscord(person)).roles.includes(role)));
const holdsNot = (world: World, person: string, role: string) =>
  eventually(async () => assert.ok(!(await world.atDiscord(person)).roles.includes(role)));

/** From the account's page through both sign-ins to what is to be confirmed. */
async function prepare(page: Page, from: string, to: string): Promise<void> {
  await page.goto("/account");
  await page.getByRole("link", { name: "Move your membership" }).click();
  await page.getByRole("link", { name: /^Sign in again as / }).click();
  await consent(page, from);
  await heading(page, "Now the new account").waitFor();
  await page.getByRole("link", { name: "Sign in with the new account" }).click();
  await consent(page, to);
}

scene("the account says who one is, and gives one's data as a file", async ({ world, visitor }) => {
  const person = await world.person("Rosalind Franklin");
  const page = await visitor();
  await becomeMember(page, person);
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Account" }).click();
  await heading(page, "Rosalind Franklin").waitFor();
  const row = (label: string) => page.locator("dl.rows .row", { hasText: label }).locator("dd");
  assert.equal(await row("Discord id").innerText(), person);
  assert.match(await row("E-mail").innerText(), /@/);
  assert.equal(await row("Membership").innerText(), "Member, a subscription");
  assert.deepEqual([...(await flaws(page)), ...(await faint(page))], []);

  const [file] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "Download your data" }).click(),
  ]);
  assert.equal(file.suggestedFilename(), "my-data.json");
  const data = JSON.parse(await readFile(await file.path(), "utf8"));
  assert.equal(data.account[0].name, "Rosalind Franklin");
  assert.equal(data.subscriptions[0].status, "active");

  await page.setViewportSize({ width: 360, height: 740 });
  for (const path of ["/account", "/account/delete", "/account/move"]) {
    await page.goto(path);
    await fits(page);
    assert.deepEqual([...(await flaws(page)), ...(await faint(page))], [], path);
  }
});

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without JavaScript";
  scene(`a membership moves to another Discord account, and its roles with it${how}`, async ({ world, visitor }) => {
    const names = javaScriptEnabled ? ["Vera Rubin", "Jocelyn Bell"] : ["Cecilia Payne", "Annie Cannon"];
    const [old, fresh] = [await world.person(names[0] ?? "", { join: true }), await world.person(names[1] ?? "", { join: true })];
    const page = await visitor({ javaScriptEnabled });
    await becomeMember(page, old);
    await holds(world, old, ROLE.member);
    await prepare(page, old, fresh);
    await heading(page, `Move your membership to ${names[1]}?`).waitFor();
    for (const told of [`${names[0]}, Discord id ${old}`, `${names[1]}, Discord id ${fresh}`, "Member, a subscription"]) {
      await page.getByText(told, { exact: true }).waitFor();
    }
    if (javaScriptEnabled) assert.deepEqual([...(await flaws(page)), ...(await faint(page))], []);
    const confirm = page.getByRole("button", { name: `Move it to ${names[1]}` });
    if (javaScriptEnabled) {
      await page.locator("html[data-awake]").waitFor();
      await confirm.dblclick();
    } else {
      await confirm.click();
    }
    await page.getByText("Your membership is with this account now.").waitFor();
    await heading(page, names[1] ?? "").waitFor();
    await holds(world, fresh, ROLE.member);
    await holdsNot(world, old, ROLE.member);
    await page.goto("/billing");
    await heading(page, /^You’re in\. Renews on /).waitFor();
    await eventually(async () => assert.equal((await world.atStripe(fresh)).customers.length, 1));
    assert.equal((await world.atStripe(old)).customers.length, 0);

    const left = await visitor({ javaScriptEnabled });
    await signIn(left, old, "/billing");
    await heading(left, "You have no membership yet.").waitFor();
  });
}

scene("a move to the same account, or to one that pays itself, is told and moves nothing", async ({ world, visitor }) => {
  const [mine, others] = [await world.person("Dorothy Hodgkin"), await world.person("Barbara McClintock")];
  const page = await visitor();
  await becomeMember(page, mine);
  const other = await visitor();
  await becomeMember(other, others);
  await prepare(page, mine, mine);
  await page.getByText("That was the same Discord account.").waitFor();
  await prepare(page, mine, others);
  await page.getByText("The other account has billing of its own.").waitFor();
  assert.deepEqual(await flaws(page), []);
});

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without JavaScript";
  scene(`an account is deleted after an hour in which it can be taken back${how}`, async ({ world, visitor }) => {
    const person = await world.person(javaScriptEnabled ? "Lise Meitner" : "Emmy Noether", { join: true });
    const page = await visitor({ javaScriptEnabled });
    await becomeMember(page, person);
    await holds(world, person, ROLE.member);
    const ask = async (typed: string) => {
      await page.goto("/account/delete");
      await page.getByLabel("Type “delete” to confirm").fill(typed);
      await page.getByRole("button", { name: "Delete my account" }).click();
    };
    await ask("no");
    await page.getByText("The word was not typed.").waitFor();
    await ask("delete");
    await page.getByText(/^Your account will be deleted from /).waitFor();
    if (javaScriptEnabled) assert.deepEqual([...(await flaws(page)), ...(await faint(page))], []);
    await page.getByRole("button", { name: "Keep my account" }).click();
    await page.getByText("Your account stays.").waitFor();

    await ask("delete");
    await page.getByText(/^Your account will be deleted from /).waitFor();
    await world.sandbox.control("POST", "clock", { advance_ms: 3_600_000 });
    await holdsNot(world, person, ROLE.member);
    // Signed out, and nobody is known by that name any more.
    await eventually(async () => {
      await page.goto("/");
      assert.equal(await page.getByRole("button", { name: "Sign out" }).count(), 0);
    });
    const { stripe } = await world.sandbox.control("GET", "state");
    assert.equal(stripe.customers.filter((row: any) => row.metadata?.rollcall_discord_user === person).length, 0);
    await signIn(page, person, "/billing");
    await heading(page, "You have no membership yet.").waitFor();
  });
}

scene("the operator moves a membership for somebody who lost their account", async ({ world, visitor }) => {
  const [lost, found] = [await world.person("Henrietta Leavitt", { join: true }), await world.person("Maria Mitchell", { join: true })];
  const page = await visitor();
  await becomeMember(page, lost);
  await holds(world, lost, ROLE.member);
  const desk = await visitor();
  await signIn(desk, OPERATOR, `/admin/people?q=${lost}`);
  await desk.getByLabel("Move the membership to the account with this Discord id").fill(found);
  await desk.getByRole("button", { name: "See what moves" }).click();
  await desk.getByText(`Discord id ${found}, who has never signed in here`).waitFor();
  assert.deepEqual([...(await flaws(desk)), ...(await faint(desk))], []);
  await desk.getByLabel("Reason").fill("lost the phone; named the card");
  await desk.getByRole("button", { name: /^Move it to / }).click();
  await desk.getByText("Moved. Its roles go from the one to the other now").waitFor();
  await holds(world, found, ROLE.member);
  await holdsNot(world, lost, ROLE.member);
  await desk.getByText("lost the phone; named the card").waitFor();
});
