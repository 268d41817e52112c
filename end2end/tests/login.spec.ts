/** Signing in with Discord, as people meet it. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { consent, consentAddress, flaws, heading, signIn } from "./support/steps.ts";
import { stage } from "./support/world.ts";

const scene = stage();
const COOKIE = "rollcall";

async function cookie(page: Page) {
  return (await page.context().cookies()).find(({ name }) => name === COOKIE);
}

const signedInAs = (page: Page, name: string) => page.locator(".person-name", { hasText: name });

scene("one signs in from the landing page and stays there", async ({ world, visitor }) => {
  const person = await world.person("Hedy Lamarr");
  const page = await visitor();
  await page.goto("/");
  await page.getByRole("link", { name: "Sign in with Discord" }).click();
  for (const wish of ["See your username and picture", "See your e-mail address", "Join servers for you"]) {
    await page.getByText(wish).waitFor();
  }
  await consent(page, person);
  await signedInAs(page, "Hedy Lamarr").waitFor();
  assert.equal(page.url(), `${world.base}/`);
  assert.deepEqual(await flaws(page), []);
});

scene("whoever wanted a page before signing in lands on it, with its query", async ({ world, visitor }) => {
  const person = await world.person("Emmy Noether");
  const page = await visitor();
  await page.goto("/billing?look=0");
  await consent(page, person);
  await heading(page, "You have no membership yet.").waitFor();
  assert.equal(page.url(), `${world.base}/billing?look=0`);
});

scene("an address of another site is not landed on", async ({ world, visitor }) => {
  const page = await visitor();
  await signIn(page, await world.person("Ida Noddack"), "https://evil.example/");
  assert.equal(page.url(), `${world.base}/`);
});

scene("saying no at Discord has a page, and a way on to what was wanted", async ({ world, visitor }) => {
  const person = await world.person("Chien-Shiung Wu");
  const page = await visitor();
  await page.goto("/billing");
  await page.locator("#deny").click();
  await heading(page, "You said no at Discord.").waitFor();
  assert.deepEqual(await flaws(page), []);
  await page.getByRole("link", { name: "Sign in with Discord" }).click();
  await consent(page, person);
  await heading(page, "You have no membership yet.").waitFor();
});

scene("an account without an e-mail address is told what to do, and gets in once it has one", async ({ world, visitor }) => {
  const person = await world.person("Katherine Blodgett", { no_email: true });
  const page = await visitor({ expected: [/status of 403/] });
  await page.goto("/login?next=%2Fbilling");
  await consent(page, person);
  await heading(page, "Your Discord account has no e-mail address.").waitFor();
  assert.equal(await page.getByRole("button", { name: "Sign out" }).count(), 0, "nobody is signed in");
  await world.sandbox.control("POST", "discord/email", { user: person, email: "katherine@example.org" });
  await page.getByRole("link", { name: "Sign in again" }).click();
  await consent(page, person);
  await heading(page, "You have no membership yet.").waitFor();
});

scene("a state that is wrong, used before, or another browser's signs nobody in", async ({ world, visitor }) => {
  const person = await world.person("Lise Meitner");
  const expected = [/status of 400/];
  const page = await visitor({ expected });
  const problem = /^This sign-in was not started here/;

  await page.goto("/auth/callback?code=made-up&state=made-up");
  await heading(page, problem).waitFor();
  assert.deepEqual(await flaws(page), []);

  // Another browser brings what Discord answered first.
  await page.goto("/login?next=%2F");
  const held = await consentAddress(page, person);
  const thief = await visitor({ expected });
  await thief.goto(held);
  await heading(thief, problem).waitFor();
  assert.equal(await thief.getByRole("button", { name: "Sign out" }).count(), 0);

  await page.goto(held);
  await signedInAs(page, "Lise Meitner").waitFor();
  await page.context().clearCookies();
  await page.goto(held);
  await heading(page, problem).waitFor();

  await page.getByRole("link", { name: "Start again" }).click();
  await consent(page, person);
  await signedInAs(page, "Lise Meitner").waitFor();
});

scene("the cookie is for the server alone, outlives a checkout, and changes at sign-in", async ({ world, visitor }) => {
  const person = await world.person("Marie Tharp");
  const page = await visitor();
  await page.goto("/login?next=%2F");
  const before = await cookie(page);
  await consent(page, person);
  await signedInAs(page, "Marie Tharp").waitFor();
  const after = await cookie(page);
  assert.ok(before && after, "there is a cookie");
  assert.notEqual(after.value, before.value, "a planted session must not become a signed-in one");
  assert.equal(after.httpOnly, true);
  assert.equal(after.sameSite, "Lax");
  assert.equal(after.path, "/");
  assert.ok(after.expires > Date.now() / 1000 + 2 * 86_400, "longer than Stripe keeps a checkout open");
  assert.equal(await page.evaluate("document.cookie"), "");
});

scene("signing out ends the session, also for a copy of its cookie", async ({ world, visitor }) => {
  const page = await visitor();
  await signIn(page, await world.person("Rosalind Franklin"));
  const kept = await cookie(page);
  assert.ok(kept, "there is a cookie");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("link", { name: "Sign in with Discord" }).waitFor();
  assert.equal(await cookie(page), undefined);
  for (const cookies of [[], [kept]]) {
    await page.context().addCookies(cookies);
    await page.goto("/billing");
    await page.locator("#authorize").waitFor();
  }
});

scene("Discord out of order has a page, and trying again works once it is back", async ({ world, visitor }) => {
  const person = await world.person("Dorothy Hodgkin");
  const page = await visitor({ expected: [/status of 503/] });
  const fault = { target: "discord", kind: "answer", status: 503, path: "/oauth2/token" };
  await world.sandbox.control("POST", "faults", fault);
  await page.goto("/login?next=%2Fbilling");
  await consent(page, person);
  await heading(page, "Discord is not answering.").waitFor();
  await world.sandbox.control("DELETE", "faults");
  await page.getByRole("link", { name: "Try again" }).click();
  await consent(page, person);
  await heading(page, "You have no membership yet.").waitFor();
});

scene("without JavaScript one signs in, and out", async ({ world, visitor }) => {
  const person = await world.person("Cecilia Payne");
  const page = await visitor({ javaScriptEnabled: false });
  await page.goto("/");
  await page.getByRole("link", { name: "Sign in with Discord" }).click();
  await consent(page, person);
  await signedInAs(page, "Cecilia Payne").waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("link", { name: "Sign in with Discord" }).waitFor();
});
