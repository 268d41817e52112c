/** Companies: seats bought, given, taken and freed, by two people in two browsers. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { becomeMember, CARD, consent, faint, fits, flaws, heading, pay, signIn } from "./support/steps.ts";
import { eventually, ROLE, stage, type World } from "./support/world.ts";

const scene = stage();

/** Refusals are answered with their status, which a browser notes on its console. */
const REFUSED = [/status of 4\d\d/];

const holds = (world: World, person: string) =>
  eventually(async () => assert.deepEqual((await world.atDiscord(person)).roles, [ROLE.team]), 20_000);
const holdsNothing = (world: World, person: string) =>
  eventually(async () => assert.deepEqual((await world.atDiscord(person)).roles, []), 20_000);

async function good(page: Page): Promise<void> {
  assert.deepEqual([...(await flaws(page)), ...(await faint(page))], []);
  const size = page.viewportSize() ?? { width: 1280, height: 900 };
  await page.setViewportSize({ width: 360, height: 740 });
  await fits(page);
  await page.setViewportSize(size);
}

/** The address of a company's page, without what came of the last press. */
const bare = (page: Page) => new URL(page.url()).pathname;

/** Founds a company and pays for its seats; its page. */
async function found(page: Page, name: string, seats: number): Promise<string> {
  await page.goto("/company/new");
  await page.getByLabel("Its name, as it stands on invites").fill(name);
  await page.getByLabel("Seats", { exact: true }).fill(String(seats));
  await page.getByRole("button", { name: "Go to payment" }).click();
  await page.locator("#card_number").waitFor();
  await pay(page, CARD.works);
  const free = seats === 1 ? "Your seat is free." : `All ${seats} seats are free.`;
  await heading(page, new RegExp(`^${free}`)).waitFor();
  return bare(page);
}

/** Writes a list into the box and sends it. */
async function invite(page: Page, list: string): Promise<void> {
  await page.getByLabel(/^E-mail addresses/).fill(list);
  await page.getByRole("button", { name: /^Invite/ }).click();
}

/** The link of the newest mail to that address. */
async function link(world: World, to: string): Promise<string> {
  return eventually(async () => {
    const { mail } = await world.sandbox.control("GET", "state");
    const letters = mail.filter((one: any) => one.recipients.includes(to));
    const found = letters.map((one: any) => /\/invite\/[\w-]+/.exec(one.text)?.[0]).filter(Boolean);
    assert.ok(found.length > 0, `no invite was sent to ${to}`);
    return found.at(-1) as string;
  });
}

const row = (page: Page, whom: string) => page.locator("table.seats tbody tr", { hasText: whom });

/** Takes the seat of a link, signed in. */
async function claim(page: Page, address: string): Promise<void> {
  await page.goto(address);
  await page.getByRole("button", { name: "Take the seat" }).click();
  await page.getByText("The seat is yours.").waitFor();
}

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without JavaScript";
  const named = (name: string) => `${name} ${javaScriptEnabled ? "Awake" : "Plain"}`;
  const mail = (name: string) => `${named(name).toLowerCase().replaceAll(" ", ".")}@example.org`;

  scene(`found, buy, invite, claim, free, and somebody else${how}`, async ({ world, visitor }) => {
    const [owner, first, second] = [
      await world.person(named("Grace Chisholm")),
      await world.person(named("Mary Somerville"), { join: true }),
      await world.person(named("Maria Agnesi"), { join: true }),
    ];
    const admin = await visitor({ javaScriptEnabled });
    await signIn(admin, owner);
    const company = await found(admin, "Acme Tools", 5);
    if (javaScriptEnabled) await good(admin);
    assert.deepEqual((await world.atDiscord(owner)).roles, [], "founding takes no seat");

    await invite(admin, mail("Mary Somerville"));
    await admin.getByText("1 person is invited.").waitFor();
    await heading(admin, /^1 of 5 seats is taken\./).waitFor();
    await row(admin, mail("Mary Somerville")).getByText("Invited").waitFor();

    const holder = await visitor({ javaScriptEnabled });
    const address = await link(world, mail("Mary Somerville"));
    await holder.goto(address);
    await heading(holder, "Acme Tools has a seat for you.").waitFor();
    if (javaScriptEnabled) await good(holder);
    await holder.getByRole("link", { name: "Sign in with Discord to take it" }).click();
    await consent(holder, first);
    await holder.getByRole("button", { name: "Take the seat" }).click();
    await heading(holder, "You’re in, by a seat of Acme Tools.").waitFor();
    if (javaScriptEnabled) await good(holder);
    await holds(world, first);
    await holder.goto("/billing");
    await heading(holder, "You’re in, by a seat of Acme Tools.").waitFor();
    assert.match(await holder.locator("main").innerText(), /Acme Tools/);
    await holder.goto("/company");
    await heading(holder, "You have a seat.").waitFor();

    await admin.goto(company);
    await row(admin, named("Mary Somerville")).getByText("Claimed").waitFor();
    await row(admin, named("Mary Somerville")).getByRole("button", { name: /^Free/ }).click();
    await admin.getByText("The seat is free.").waitFor();
    await admin.getByRole("button", { name: "Undo" }).waitFor();
    await holdsNothing(world, first);
    await heading(admin, /^All 5 seats are free\./).waitFor();
    await holder.goto("/billing");
    await heading(holder, "You have no membership yet.").waitFor();

    await invite(admin, mail("Maria Agnesi"));
    await admin.getByText("1 person is invited.").waitFor();
    const other = await visitor({ javaScriptEnabled });
    await signIn(other, second);
    await claim(other, await link(world, mail("Maria Agnesi")));
    await holds(world, second);
  });

  scene(`a list with mistakes sends nothing and keeps what was written${how}`, async ({ world, visitor }) => {
    const page = await visitor({ javaScriptEnabled, expected: REFUSED });
    await signIn(page, await world.person(named("Emilie du Chatelet")));
    const company = await found(page, "Lumiere", 3);
    const list = "ada@example.org\nnobody\nADA@example.org";
    await invite(page, list);
    await page.getByText("Some lines cannot be invited.").waitFor();
    for (const said of ["Line 2, “nobody”: this is not one e-mail address.", "Line 3, “ADA@example.org”: the same address stands in line 1."]) {
      await page.getByText(said).waitFor();
    }
    assert.equal(await page.getByLabel(/^E-mail addresses/).inputValue(), list);
    if (javaScriptEnabled) await good(page);
    await invite(page, "a@example.org\nb@example.org\nc@example.org\nd@example.org");
    await page.getByText(/Line 4, “d@example.org”: .*free/).waitFor();
    await page.goto(company);
    await heading(page, /^All 3 seats are free\./).waitFor();
    await invite(page, "Name;E-Mail\nAda;ada@example.org\nLinus;linus@example.org");
    await page.getByText("2 people are invited.").waitFor();
    await heading(page, /^2 of 3 seats are taken\./).waitFor();
  });

  scene(`every refusal of a link is its own page with its own way on${how}`, async ({ world, visitor }) => {
    const admin = await visitor({ javaScriptEnabled });
    await signIn(admin, await world.person(named("Sophie Germain")));
    const company = await found(admin, "Germain & Co", 2);
    const guest = await visitor({ javaScriptEnabled, expected: REFUSED });
    const someone = await world.person(named("Wang Zhenyi"));
    await signIn(guest, someone);
    const refused = async (address: string, status: number, title: string | RegExp) => {
      const answer = await guest.goto(address);
      assert.equal(answer?.status(), status, String(title));
      await heading(guest, title).waitFor();
      assert.equal(await guest.getByRole("button", { name: "Take the seat" }).count(), 0);
      assert.doesNotMatch(await guest.title(), /[A-Za-z0-9_-]{30}/, "no token in a title");
      if (javaScriptEnabled) await good(guest);
    };

    await refused(`/invite/${"A".repeat(43)}`, 404, "This link leads to no invite.");
    await refused("/invite/short", 404, "This link leads to no invite.");

    await invite(admin, mail("Mary Ward"));
    await admin.getByText("1 person is invited.").waitFor();
    const foreign = await link(world, mail("Mary Ward"));
    await refused(foreign, 403, "This invite is for another e-mail address.");
    await world.sandbox.control("POST", "discord/email", { user: someone, email: mail("Wang Zhenyi"), unverified: true });
    await guest.getByRole("link", { name: "Sign in with another account" }).click();
    await consent(guest, someone);
    await heading(guest, "Discord has not confirmed your e-mail address.").waitFor();
    await refused(foreign, 403, "Discord has not confirmed your e-mail address.");
    await world.sandbox.control("POST", "discord/email", { user: someone, email: mail("Wang Zhenyi") });
    await guest.getByRole("link", { name: "Sign in once more" }).click();
    await consent(guest, someone);
    await heading(guest, "This invite is for another e-mail address.").waitFor();

    await row(admin, mail("Mary Ward")).getByRole("button", { name: /^Resend/ }).click();
    await admin.getByText("The invite is on its way again.").waitFor();
    await refused(foreign, 410, "A newer link was made in place of this one.");
    const newer = await eventually(async () => {
      const found = await link(world, mail("Mary Ward"));
      assert.notEqual(found, foreign);
      return found;
    });
    await row(admin, mail("Mary Ward")).getByRole("button", { name: /^Take back/ }).click();
    await admin.getByText("The seat is free.").waitFor();
    await refused(newer, 410, "This invite was taken back.");

    await invite(admin, mail("Wang Zhenyi"));
    await admin.getByText("1 person is invited.").waitFor();
    const own = await link(world, mail("Wang Zhenyi"));
    await claim(guest, own);
    await refused(own, 410, "This invite was used already.");

    // A link for a domain, with room for one.
    await admin.goto(company);
    const links = admin.getByRole("region", { name: "Links for a group" });
    await links.getByLabel("At most").fill("1");
    await links.getByLabel(/^Only for addresses/).fill("else.example");
    await links.getByRole("button", { name: "Make a group link" }).click();
    const fresh = await admin.getByLabel("Link", { exact: true }).inputValue();
    if (javaScriptEnabled) await good(admin);
    await refused(fresh, 409, "You have a seat there already.");
    const stranger = await visitor({ javaScriptEnabled, expected: REFUSED });
    await signIn(stranger, await world.person(named("Caroline Herschel")));
    const answer = await stranger.goto(fresh);
    assert.equal(answer?.status(), 403);
    await heading(stranger, "This invite is for addresses of the company alone.").waitFor();

    // Nobody else fits once the seats are taken.
    await admin.goto(company);
    await admin.getByRole("region", { name: "Links for a group" }).getByLabel("At most").fill("5");
    await admin.getByRole("region", { name: "Links for a group" }).getByRole("button", { name: "Make a group link" }).click();
    const open = await admin.getByLabel("Link", { exact: true }).inputValue();
    await admin.goto(company);
    await admin.getByRole("button", { name: "Take a seat yourself" }).click();
    await admin.getByText("You have a seat now.").waitFor();
    const full = await stranger.goto(open);
    assert.equal(full?.status(), 409);
    await heading(stranger, "No seat of the company is free.").waitFor();

    // Nobody took the seat in time.
    await row(admin, named("Sophie Germain")).getByRole("button", { name: /^Free/ }).click();
    await admin.getByText("The seat is free.").waitFor();
    await invite(admin, mail("Mary Ward"));
    await admin.getByText("1 person is invited.").waitFor();
    const late = await eventually(async () => {
      const found = await link(world, mail("Mary Ward"));
      assert.ok(![foreign, newer].includes(found));
      return found;
    });
    await world.sandbox.control("POST", "clock", { advance_days: 8 });
    await eventually(() => refused(late, 410, "This invite has expired."), 20_000);
  });

  scene(`more seats say what they cost, and fewer than are held are refused${how}`, async ({ world, visitor }) => {
    const page = await visitor({ javaScriptEnabled, expected: REFUSED });
    const person = await world.person(named("Florence Nightingale"));
    await signIn(page, person);
    const company = await found(page, "Scutari", 2);
    await page.getByRole("link", { name: "Change the number of seats" }).first().click();
    await page.getByLabel("Seats", { exact: true }).fill("6");
    if (javaScriptEnabled) {
      await page.locator("html[data-awake]").waitFor();
      await page.getByText(/^6 seats: 144\s€ a month\.$/).waitFor();
      await good(page);
    }
    await page.getByRole("button", { name: "See what it costs" }).click();
    const title = (await page.locator("h1").innerText()).replace(/\s+/g, " ");
    assert.match(title, /^4 more seats: [\d.]+ € now\. Then 144 € a month, from \d+ \w+ \d{4}\.$/);
    if (javaScriptEnabled) await good(page);
    await page.getByRole("button", { name: /^Pay .* and have 6 seats$/ }).click();
    await page.getByText("The number of seats is changed.").waitFor();
    await heading(page, /^All 6 seats are free\./).waitFor();

    await invite(page, "a@example.org\nb@example.org\nc@example.org");
    await page.getByText("3 people are invited.").waitFor();
    await page.goto(`${company}/number?seats=2`);
    await page.getByText("That is fewer seats than are held.").waitFor();
    await page.goto(`${company}/number?seats=nonsense`);
    await page.getByText("That is not a number of seats we can sell.").waitFor();
    await page.goto(`${company}/number?seats=4`);
    await heading(page, /^2 fewer seats: nothing now\./).waitFor();
    await page.getByRole("button", { name: "Have 4 seats from now on" }).click();
    await page.getByText("The number of seats is changed.").waitFor();
    await heading(page, /^3 of 4 seats are taken\./).waitFor();
  });

  scene(`more held than paid: who makes way is chosen${how}`, async ({ world, visitor }) => {
    const page = await visitor({ javaScriptEnabled });
    const person = await world.person(named("Hedy Lamarr"));
    await signIn(page, person);
    const company = await found(page, "Hopper", 3);
    await invite(page, "a@example.org\nb@example.org\nc@example.org");
    await page.getByText("3 people are invited.").waitFor();
    const { stripe } = await world.sandbox.control("GET", "state");
    const newest = stripe.subscriptions.toSorted((a: any, b: any) => b.created - a.created)[0];
    await world.stripe("POST", `/subscriptions/${newest.id}`, {
      "items[0][id]": newest.items.data[0].id,
      "items[0][quantity]": "2",
      proration_behavior: "none",
    });
    await eventually(async () => {
      await page.goto(company);
      await page.getByText("1 seat more is held than paid.").waitFor({ timeout: 500 });
    }, 20_000);
    if (javaScriptEnabled) await good(page);
    await page.getByRole("link", { name: "Choose who makes way" }).click();
    await heading(page, "1 seat has to make way.").waitFor();
    if (javaScriptEnabled) await good(page);
    const ticked = page.locator("input[type=checkbox]:checked");
    assert.equal(await ticked.count(), 1, "the fallback is ticked");
    await ticked.uncheck();
    await page.getByLabel(/^a@example\.org/).check();
    await page.getByRole("button", { name: "Let them make way now" }).click();
    await page.getByText("It is settled who makes way.").waitFor();
    await row(page, "a@example.org").getByText("Suspended").waitFor();
    await heading(page, /^All 2 seats are taken\./).waitFor();
  });

  scene(`a company is handed over, and the last owner stays${how}`, async ({ world, visitor }) => {
    const [one, two] = [await world.person(named("Ida Rhodes")), await world.person(named("Jean Bartik"))];
    const owner = await visitor({ javaScriptEnabled });
    await signIn(owner, one);
    const company = await found(owner, "Univac", 2);
    const people = owner.getByRole("region", { name: "Who looks after it" });
    assert.equal(await people.getByRole("button", { name: /^Leave/ }).count(), 0, "the last owner");
    await invite(owner, mail("Jean Bartik"));
    await owner.getByText("1 person is invited.").waitFor();
    const other = await visitor({ javaScriptEnabled });
    await signIn(other, two);
    await claim(other, await link(world, mail("Jean Bartik")));
    await owner.goto(company);
    await row(owner, named("Jean Bartik")).getByRole("button", { name: /^Make admin/ }).click();
    await people.getByRole("button", { name: /^Make owner/ }).click();
    await people.getByRole("button", { name: /^Step down to admin/ }).click();
    await people.getByRole("button", { name: /^Leave the company/ }).click();
    await owner.getByText("You do not look after the company any more.").waitFor();
    await other.goto(company);
    await heading(other, /^1 of 2 seats is taken\./).waitFor();
  });
}

/** The pages' wasm arrives when the test says so. */
async function sleepy(page: Page): Promise<() => void> {
  let wake = () => {};
  const woken = new Promise<void>((resolve) => (wake = resolve));
  await page.route(/\.wasm/, async (route) => {
    await woken;
    await route.continue();
  });
  return wake;
}

scene("what was typed and chosen before the page woke stands, and is what is paid for", async ({ world, visitor }) => {
  const page = await visitor();
  await signIn(page, await world.person("Mileva Maric"));
  const wake = await sleepy(page);
  await page.goto("/company/new", { waitUntil: "commit" });
  const seats = page.getByLabel("Seats", { exact: true });
  await seats.fill("2");
  await page.getByRole("radio").last().check();
  wake();
  await page.locator("html[data-awake]").waitFor();
  assert.equal(await seats.inputValue(), "2");
  await page.getByText(/^2 seats: 480\s€ a year/).waitFor();
  await page.getByRole("button", { name: "One seat more" }).click();
  assert.equal(await seats.inputValue(), "3");
  await page.getByText(/^3 seats: 720\s€ a year/).waitFor();

  const company = await found(page, "Patent Office", 3);
  const wakeAgain = await sleepy(page);
  await page.goto(company, { waitUntil: "commit" });
  await page.getByLabel(/^E-mail addresses/).fill("one@patent.test\ntwo@patent.test");
  wakeAgain();
  await page.getByRole("button", { name: "Invite 2 people" }).waitFor();
});

scene("a company of others looks like one that is not there", async ({ world, visitor }) => {
  const owner = await visitor();
  await signIn(owner, await world.person("Mileva Maric"));
  const company = await found(owner, "Patent Office", 1);
  const stranger = await visitor({ expected: REFUSED });
  await signIn(stranger, await world.person("Lise Meitner"));
  const missing = company.replace(/.$/, (last) => (last === "0" ? "1" : "0"));
  const seen = async (address: string) => {
    const answer = await stranger.goto(address);
    const main = await stranger.locator("main").innerHTML();
    return [answer?.status(), await stranger.title(), main];
  };
  for (const page of ["", "/number", "/number?seats=2", "/over", "/invite", "?q=a&page=2"]) {
    const [theirs, nobodys] = [await seen(`${company}${page}`), await seen(`${missing}${page}`)];
    assert.deepEqual(theirs, nobodys, page);
    assert.equal(theirs[0], 404);
  }
  for (const endpoint of ["rename_company", "company_portal", "take_seat", "free_seat", "undo_seat", "leave_seat", "make_way", "confirm_number", "open_invite", "resend_invite", "invite_link", "group_link", "end_group_link", "appoint", "dismiss"]) {
    const post = (id: string) =>
      stranger.evaluate(
        async ([endpoint, id]) => {
          const body = new URLSearchParams({ company: id ?? "", name: "x", plan: "p", seat: "s", most: "1", link: "l", whom: "w", role: "admin", seen: "1" });
          const answer = await fetch(`/api/${endpoint}`, { method: "POST", body, headers: { accept: "application/json" } });
          return [answer.status, await answer.text()];
        },
        [endpoint, id],
      );
    const [theirs, nobodys] = [await post(company.split("/")[2] ?? ""), await post(missing.split("/")[2] ?? "")];
    assert.deepEqual(theirs, nobodys, endpoint);
    assert.equal(theirs[0], 404, endpoint);
  }
});

scene("whoever pays for themselves is asked what to do with it once they have a seat", async ({ world, visitor }) => {
  const [owner, member] = [await world.person("Rosa Parks"), await world.person("Ella Baker")];
  const admin = await visitor();
  await signIn(admin, owner);
  await found(admin, "Montgomery", 2);
  await invite(admin, "ella.baker@example.org");
  await admin.getByText("1 person is invited.").waitFor();
  const page = await visitor();
  await becomeMember(page, member, "Member");
  await claim(page, await link(world, "ella.baker@example.org"));
  await page.getByRole("link", { name: "End my own membership" }).click();
  await page.waitForURL(`${world.base}/billing/cancel`);
  await page.goto("/billing");
  await heading(page, /^You’re in\. Renews on /).waitFor();
  await page.getByRole("region", { name: "Your seats" }).getByRole("link", { name: "Montgomery" }).waitFor();
});

scene("everything is reached and done by keyboard alone", async ({ world, visitor }) => {
  const page = await visitor();
  await signIn(page, await world.person("Helen Keller"));
  await page.goto("/company/new");
  await page.locator("html[data-awake]").waitFor();
  await page.getByLabel("Its name, as it stands on invites").focus();
  await page.keyboard.type("Perkins");
  await page.keyboard.press("Tab");
  await page.keyboard.press("ArrowDown");
  await page.getByText(/^5 seats: 1,200\s€ a year\.$/).waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByText(/^4 seats: 960\s€ a year\.$/).waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByText(/^5 seats: /).waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.locator("#card_number").waitFor();
});

scene("on the landing page seats are counted, and lead to the form", async ({ world, visitor }) => {
  const page = await visitor({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
  const person = await world.person("Katherine Johnson");
  await page.goto("/");
  await page.locator("html[data-awake]").waitFor();
  const companies = page.getByRole("region", { name: "For companies" });
  await companies.getByRole("button", { name: "One seat more" }).first().tap();
  await companies.getByText(/^6 seats: 144\s€ a month\.$/).waitFor();
  await companies.getByRole("button", { name: /^Buy seats/ }).first().tap();
  await consent(page, person);
  await heading(page, "Seats for your company").waitFor();
  assert.equal(await page.getByLabel("Seats", { exact: true }).inputValue(), "6");
  await fits(page);
});
