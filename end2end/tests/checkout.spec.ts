/** From a plan to a role in Discord, and every way in which that goes wrong. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import {
  active,
  becomeMember,
  CARD,
  choose,
  consent,
  flaws,
  heading,
  pay,
  planButton,
  signIn,
  station,
} from "./support/steps.ts";
import { eventually, ROLE, stage, type World } from "./support/world.ts";

const scene = stage();
/** Stripe's answer to the question which subscriptions there are. */
const SUBSCRIPTIONS = { target: "stripe", method: "GET", path: "/v1/subscriptions" };
/** What a page logs when it looks and Stripe does not answer. */
const UNAVAILABLE = [/status of 503/];

/** The role, on the page of the pretend world. */
async function roleShows(page: Page, world: World, person: string, role: string): Promise<void> {
  const window = await page.context().newPage();
  await eventually(async () => {
    await window.goto(world.sandbox.base);
    const them = window.locator(`[data-user="${person}"]`);
    assert.equal(await them.getAttribute("data-in-server"), "true");
    assert.deepEqual(await them.locator("[data-role]").allInnerTexts(), [role]);
  });
  await window.close();
}

/** How long the browser's returns took until the sentence of a member was there, in milliseconds. */
const returns: number[] = [];

/** Does what leads back from Stripe, and waits for the sentence of a member. */
async function comeBack(page: Page, act: () => Promise<void>): Promise<void> {
  const returned = page.waitForRequest(/\/billing\?session_id=/).then(() => performance.now());
  await act();
  await active(page).waitFor();
  returns.push(performance.now() - (await returned));
}

async function nothingHappened(world: World, person: string): Promise<void> {
  const { subscriptions, charges } = await world.atStripe(person);
  assert.deepEqual(subscriptions.filter(({ status }) => !["incomplete", "incomplete_expired"].includes(status)), []);
  assert.deepEqual(charges.filter(({ status }) => status === "succeeded"), []);
  assert.deepEqual((await world.atDiscord(person)).roles, []);
}

async function saysNoMembership(page: Page): Promise<void> {
  await page.goto("/billing");
  await heading(page, "You have no membership yet.").waitFor();
}

scene("sign in, choose, pay, come back: active, and the role is there", async ({ world, visitor }) => {
  const person = await world.person("Barbara McClintock");
  const page = await visitor();
  await page.goto("/");
  await page.getByRole("link", { name: "Sign in with Discord" }).click();
  await consent(page, person);
  await choose(page, "Member");
  await comeBack(page, () => pay(page, CARD.works));
  await page.getByText("Payment received. You’re in.").waitFor();
  assert.equal(await page.locator(".margin .state").first().innerText(), "Active");
  // By itself: nobody touches the page.
  await eventually(async () => assert.equal(await station(page, "Discord").locator(".word").innerText(), "Confirmed"));
  assert.deepEqual(await flaws(page), []);
  await roleShows(page, world, person, "Member");
  const { customers, subscriptions } = await world.atStripe(person);
  assert.deepEqual([customers.length, subscriptions.length], [1, 1]);

  // On the landing page the plan is theirs, and none is sold to them.
  await page.goto("/");
  await page.locator("li.plan", { hasText: "Member" }).first().getByText("Your plan").waitFor();
  assert.equal(await page.getByRole("button", { name: /^Choose/ }).count(), 0);
});

scene("without JavaScript: sign in, pay, come back, see the state", async ({ world, visitor }) => {
  const person = await world.person("Vera Rubin");
  const page = await visitor({ javaScriptEnabled: false });
  await page.goto("/");
  await page.getByLabel("Yearly").check();
  await planButton(page, "Patron", "year").click();
  await consent(page, person);
  await page.getByText("Your choice").waitFor();
  await choose(page, "Patron", "year");
  await pay(page, CARD.works);
  await active(page).waitFor();
  await eventually(async () => {
    await page.goto("/billing");
    assert.equal(await station(page, "Discord").locator(".word").innerText(), "Confirmed");
  });
  await roleShows(page, world, person, "Patron");
});

scene("a declined card leaves nothing, and another one pays in the same session", async ({ world, visitor }) => {
  const person = await world.person("Jocelyn Bell");
  const page = await visitor();
  await signIn(page, person);
  await choose(page);
  const session = page.url();
  await pay(page, CARD.declined);
  await page.getByText("Your card was declined.").waitFor();
  await nothingHappened(world, person);
  await saysNoMembership(page);
  await page.goto(session);
  await comeBack(page, () => pay(page, CARD.works));
  assert.equal((await world.atStripe(person)).sessions.length, 1);
});

scene("3-D Secure refused leaves nothing, accepted works", async ({ world, visitor }) => {
  const person = await world.person("Henrietta Leavitt");
  const page = await visitor();
  await signIn(page, person);
  await choose(page);
  await pay(page, CARD.asks);
  await page.locator("#fail-3ds").click();
  await page.locator("#card_number").waitFor();
  await nothingHappened(world, person);
  await pay(page, CARD.asks);
  await comeBack(page, () => page.locator("#complete-3ds").click());
  await roleShows(page, world, person, "Member");
});

scene("a tab closed on Stripe's page leaves nothing, and starting again leads to the same session", async ({ world, visitor }) => {
  const person = await world.person("Annie Jump Cannon");
  const page = await visitor();
  await signIn(page, person);
  await choose(page);
  const session = page.url();
  const again = await page.context().newPage();
  await page.close();
  await nothingHappened(world, person);
  await saysNoMembership(again);
  await again.goto("/");
  await choose(again);
  assert.equal(again.url(), session);
  assert.equal((await world.atStripe(person)).sessions.length, 1);
});

scene("going back from Stripe's page says that nothing was charged; another plan ends the first session", async ({ world, visitor }) => {
  const person = await world.person("Williamina Fleming");
  const page = await visitor();
  await signIn(page, person);
  await choose(page, "Member");
  await page.locator("#cancel").click();
  await page.getByText("You left the payment page.").waitFor();
  await nothingHappened(world, person);
  await choose(page, "Patron");
  await page.locator("#pay", { hasText: "Subscribe for €79.00" }).waitFor();
  const { sessions } = await world.atStripe(person);
  assert.deepEqual(sessions.map(({ status }) => status).sort(), ["expired", "open"]);
});

scene("an unfinished checkout's own return address says that it was not paid", async ({ world, visitor }) => {
  const person = await world.person("Caroline Herschel");
  const page = await visitor();
  await signIn(page, person);
  await choose(page);
  const session = (await world.atStripe(person)).sessions[0].id;
  await page.goto(`/billing?session_id=${session}`);
  await heading(page, "This checkout was not finished.").waitFor();
  assert.deepEqual(await flaws(page), []);
  await nothingHappened(world, person);
});

scene("a second tab of somebody who is a member by now leads to the dashboard, not to a second payment", async ({ world, visitor }) => {
  const person = await world.person("Maria Mitchell");
  const page = await visitor();
  await signIn(page, person);
  const other = await page.context().newPage();
  await other.goto("/");
  await planButton(other, "Patron", "month").waitFor();
  await choose(page, "Member");
  await comeBack(page, () => pay(page, CARD.works));
  await planButton(other, "Patron", "month").click();
  await active(other).waitFor();
  assert.equal(new URL(other.url()).pathname, "/billing");
  await other.getByText("There is a membership of yours already.").waitFor();
  const { sessions, subscriptions } = await world.atStripe(person);
  assert.deepEqual([sessions.length, subscriptions.length], [1, 1]);
});

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "with JavaScript, and one request" : "without JavaScript";
  scene(`a double click makes one session ${how}`, async ({ world, visitor }) => {
    const person = await world.person(javaScriptEnabled ? "Nettie Stevens" : "Mary Anning");
    const page = await visitor({ javaScriptEnabled });
    await signIn(page, person);
    if (javaScriptEnabled) await page.locator("html[data-awake]").waitFor();
    // Slow enough for the second click to come while the first is under way.
    await world.sandbox.control("POST", "faults", {
      ...{ target: "stripe", kind: "slow", ms: 400, method: "POST", path: "/v1/checkout/sessions" },
    });
    let posts = 0;
    page.on("request", (request) => {
      if (request.url().endsWith("/api/start_checkout")) posts += 1;
    });
    const button = planButton(page, "Member", "month");
    const said: string[] = [];
    if (javaScriptEnabled) {
      // Locators wait for the navigation that is under way; the button tells of itself.
      await page.exposeFunction("note", (text: string) => said.push(text));
      await button.evaluate((it: any) =>
        new MutationObserver(() => (window as any).note(it.textContent)).observe(it, { subtree: true, characterData: true, childList: true }),
      );
    }
    await button.dblclick({ noWaitAfter: true });
    await page.locator("#card_number").waitFor();
    if (javaScriptEnabled) {
      assert.equal(posts, 1);
      assert.equal(said.at(-1), "Taking you to Stripe…");
    }
    const { customers, sessions } = await world.atStripe(person);
    assert.deepEqual([customers.length, sessions.length], [1, 1]);
  });
}

scene("Stripe out of order: the plans say so, nothing is half done, and trying again works", async ({ world, visitor }) => {
  const person = await world.person("Mileva Marić");
  const page = await visitor();
  await signIn(page, person);
  // The session is made, and its answer lost: the worst case.
  await world.sandbox.control("POST", "faults", {
    ...{ target: "stripe", kind: "answer", status: 500, effect: true, method: "POST", path: "/v1/checkout/sessions" },
  });
  await planButton(page, "Member", "month").click();
  await page.getByRole("alert").getByText("Stripe has trouble of its own.").waitFor();
  await page.getByText("You were not charged, and nothing has started.").waitFor();
  await world.sandbox.control("DELETE", "faults");
  await choose(page);
  await comeBack(page, () => pay(page, CARD.works));
  const { customers, sessions } = await world.atStripe(person);
  assert.deepEqual([customers.length, sessions.length], [1, 1]);
});

scene("no webhook arrives: the return alone makes active, and sets the role", async ({ world, visitor }) => {
  const person = await world.person("Inge Lehmann");
  const page = await visitor();
  await world.sandbox.control("POST", "deliveries/pause");
  await signIn(page, person);
  await choose(page);
  await comeBack(page, () => pay(page, CARD.works));
  await roleShows(page, world, person, "Member");
});

scene("nobody comes back: the webhook alone makes active, and sets the role", async ({ world, visitor }) => {
  const person = await world.person("Mary Golda Ross");
  const page = await visitor();
  await signIn(page, person);
  await choose(page);
  const session = (await world.atStripe(person)).sessions[0].id;
  await world.sandbox.control("POST", "stripe/pay", { session });
  await eventually(async () => {
    await page.goto("/billing");
    assert.equal(await active(page).isVisible(), true);
  });
  await roleShows(page, world, person, "Member");
});

scene("neither webhook nor return: the timer makes active, and sets the role", async ({ world, visitor }) => {
  const person = await world.person("Euphemia Haynes");
  const page = await visitor();
  await signIn(page, person);
  await choose(page);
  const session = (await world.atStripe(person)).sessions[0].id;
  await world.sandbox.control("POST", "deliveries/pause");
  await world.sandbox.control("POST", "stripe/pay", { session });
  await world.sandbox.control("POST", "clock", { advance_ms: 11 * 60 * 1000 });
  await roleShows(page, world, person, "Member");
  await page.goto("/billing");
  await active(page).waitFor();
});

scene("Stripe is late: the page waits and becomes active by itself", async ({ t, world, visitor }) => {
  const person = await world.person("Rita Levi");
  const page = await visitor({ expected: UNAVAILABLE });
  await signIn(page, person);
  await choose(page);
  await world.sandbox.control("POST", "faults", { ...SUBSCRIPTIONS, kind: "answer", status: 500 });
  await pay(page, CARD.works);
  await heading(page, "Activating your membership…").waitFor();
  assert.equal(await station(page, "Payment").locator(".word").innerText(), "Under way");
  assert.deepEqual(await flaws(page), []);
  const look = page.waitForResponse(
    (answer) => answer.url().includes("/api/checkout_progress") && answer.status() === 200,
  );
  await world.sandbox.control("DELETE", "faults");
  await look;
  const answered = performance.now();
  await active(page).waitFor();
  const ms = performance.now() - answered;
  t.diagnostic(`from the look that found it to "Active": ${ms.toFixed(0)} ms`);
  assert.ok(ms <= 1_000, `${ms} ms`);
});

scene("Stripe stays silent: looks after 1, 2, 3, 4 and 5 s, then says honestly what to expect", async ({ world, visitor }) => {
  const person = await world.person("Gerty Cori");
  const page = await visitor({ expected: UNAVAILABLE });
  await signIn(page, person);
  await choose(page);
  await world.sandbox.control("POST", "deliveries/pause");
  await world.sandbox.control("POST", "faults", { ...SUBSCRIPTIONS, kind: "answer", status: 500 });
  let [asked, answered] = [0, 0];
  const isLook = (request: { url(): string }) => request.url().includes("/api/checkout_progress");
  page.on("request", (request) => (asked += Number(isLook(request))));
  page.on("requestfinished", (request) => (answered += Number(isLook(request))));
  // The page's own clock stands still unless it is moved.
  await page.clock.install();
  await pay(page, CARD.works);
  await heading(page, "Activating your membership…").waitFor();
  await page.locator("html[data-awake]").waitFor();
  await page.clock.pauseAt(Date.now() + 2_000);
  for (const [before, seconds] of [2, 3, 4, 5].entries()) {
    await eventually(async () => assert.equal(answered, before + 1));
    let moved = 0;
    await eventually(async () => {
      await page.clock.runFor(500);
      moved += 500;
      assert.equal(asked, before + 2);
    });
    // The page starts to wait a little after it was answered.
    assert.ok(moved >= seconds * 1_000 && moved <= seconds * 1_000 + 2_000, `look ${before + 2} after ${moved} ms`);
  }
  await heading(page, "This takes longer than usual.").waitFor();
  await page.getByText("you are not charged twice").waitFor();
  assert.equal(asked, 5);
  assert.deepEqual(await flaws(page), []);
  await world.sandbox.control("DELETE", "faults");
  await page.getByRole("link", { name: "Look again" }).click();
  await active(page).waitFor();
});

scene("Stripe is late without JavaScript: the page loads itself anew until it is active", async ({ world, visitor }) => {
  const person = await world.person("Gertrude Elion");
  const page = await visitor({ javaScriptEnabled: false });
  await signIn(page, person);
  await choose(page);
  await world.sandbox.control("POST", "faults", { ...SUBSCRIPTIONS, kind: "answer", status: 500 });
  await pay(page, CARD.works);
  await heading(page, "Activating your membership…").waitFor();
  await world.sandbox.control("DELETE", "faults");
  await active(page).waitFor();
});

scene("Discord is late: the member is in at once, and the page tells when the role is set", async ({ world, visitor }) => {
  const person = await world.person("Stephanie Kwolek", { join: true });
  const page = await visitor();
  await signIn(page, person);
  await choose(page);
  await world.sandbox.control("POST", "faults", {
    ...{ target: "discord", kind: "slow", ms: 1_500, method: "PUT", path: `/roles/${ROLE.member}` },
  });
  await pay(page, CARD.works);
  await active(page).waitFor();
  await page.getByText("Your role is being set in Discord.").waitFor();
  await page.waitForURL(`${world.base}/billing`);
  assert.equal(await station(page, "Discord").locator(".word").innerText(), "Confirmed");
});

scene("paying once more after a membership has ended opens the same door again", async ({ world, visitor }) => {
  const person = await world.person("Lynn Margulis");
  const page = await visitor();
  await becomeMember(page, person);
  const { subscriptions } = await world.atStripe(person);
  await world.sandbox.control("POST", "stripe/cancel", { subscription: subscriptions[0].id });
  await eventually(async () => {
    await page.goto("/billing");
    assert.equal(await heading(page, /^Your membership ended on /).isVisible(), true);
    assert.deepEqual((await world.atDiscord(person)).roles, []);
  });
  await page.getByRole("link", { name: "Come back: see the plans" }).click();
  await choose(page);
  await comeBack(page, () => pay(page, CARD.works));
  await roleShows(page, world, person, "Member");
});

scene("the return from Stripe says active within a second", async ({ t, world, visitor }) => {
  const page = await visitor();
  await signIn(page, await world.person("Fanny Hesse"));
  await choose(page);
  await comeBack(page, () => pay(page, CARD.works));
  const sorted = returns.map(Math.round).sort((one, other) => one - other);
  const median = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  t.diagnostic(`from the return to "Active": median ${median} ms of ${sorted.join(", ")} ms`);
  assert.ok(median <= 1_000, `${median} ms`);
});
