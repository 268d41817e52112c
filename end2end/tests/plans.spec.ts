/** The landing page and its plans. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { consent, faint, fits, flaws, planButton } from "./support/steps.ts";
import { eventually, stage } from "./support/world.ts";

const scene = stage();

const plan = (page: Page, name: string) =>
  page.locator("li.plan").filter({ has: page.getByRole("heading", { level: 3, name, exact: true }) });

async function prices(page: Page): Promise<string[]> {
  const shown = await page.locator(".offer:visible .price").allInnerTexts();
  return shown.map((text) => text.replace(/\s+/g, " ").trim());
}

/** A pass has one price, whatever is chosen for the others. */
const PASS = "69 € for 90 days, paid once";
const MONTHLY = ["29 € a month", "79 € a month", PASS];
const YEARLY = ["290 € a year", "790 € a year", PASS];

scene("the plans for people are there, the recommended one marked, the companies' apart from them", async ({ world, visitor }) => {
  const page = await visitor();
  await page.goto("/");
  await page.getByRole("heading", { level: 1, name: "The Revenue Council" }).waitFor();
  assert.deepEqual(await page.locator("li.plan h3").allInnerTexts(), ["Member", "Patron", "Season pass"]);
  await plan(page, "Patron").getByText("Most chosen").waitFor();
  await plan(page, "Member").getByText("The weekly deal clinic, live and recorded").waitFor();
  assert.deepEqual(await prices(page), MONTHLY);
  const companies = page.getByRole("region", { name: "For companies" });
  assert.deepEqual(await companies.getByRole("heading", { level: 3 }).allInnerTexts(), ["Team seats"]);
  assert.equal(await page.getByRole("link", { name: "Sign in with Discord" }).count(), 1, "once, not on every card");
  assert.deepEqual([...(await flaws(page)), ...(await faint(page))], []);
  await page.locator("html[data-awake]").waitFor();
  assert.match(await page.locator("body").innerText(), /Cancel any time\./);
  const answer = await fetch(world.base);
  const policy = answer.headers.get("content-security-policy") ?? "";
  assert.match(policy, /script-src 'nonce-/);
  assert.doesNotMatch(policy, /unsafe-inline|'unsafe-eval'/);
});

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "with JavaScript" : "without JavaScript";
  scene(`one switches between month and year ${how}`, async ({ visitor }) => {
    const page = await visitor({ javaScriptEnabled });
    await page.goto("/");
    assert.deepEqual(await prices(page), MONTHLY);
    await page.getByLabel("Yearly").check();
    await planButton(page, "Member", "year").waitFor();
    assert.deepEqual(await prices(page), YEARLY);
    await plan(page, "Member").getByText("Saves 58 €.").waitFor();
    assert.equal(await planButton(page, "Member", "month").isVisible(), false);
    await page.getByLabel("Monthly").check();
    assert.deepEqual(await prices(page), MONTHLY);

    await page.goto("/?interval=year");
    assert.deepEqual(await prices(page), YEARLY);
  });
}

scene("everything is reached and done by keyboard alone", async ({ visitor }) => {
  const page = await visitor();
  await page.goto("/");
  await page.locator("html[data-awake]").waitFor();
  const focused = () =>
    page.evaluate(() => {
      const element = document.activeElement;
      const input = element instanceof HTMLInputElement ? element.labels?.[0]?.innerText : undefined;
      const ring = [element, element?.nextElementSibling].some(
        (seen) => seen && getComputedStyle(seen).outlineStyle !== "none" && getComputedStyle(seen).outlineWidth !== "0px",
      );
      return { name: (input ?? (element as HTMLElement).innerText).replace(/\s+/g, " ").trim(), ring };
    });
  const way: string[] = [];
  for (let stops = 0; stops < 12; stops += 1) {
    await page.keyboard.press("Tab");
    const { name, ring } = await focused();
    assert.ok(ring, `${name} shows that it has the focus`);
    way.push(name);
    if (/^Choose Patron/.test(name)) break;
  }
  const expected = [/^Skip to the page$/, /^.*The Revenue Council$/, /^Plans$/, /^Sign in with Discord$/, /^Monthly$/];
  for (const [at, name] of [...expected, /^Choose Member .* a month$/, /^Choose Patron .* a month$/].entries()) {
    assert.match(way[at] ?? "", name, way.join(" → "));
  }
  await page.getByLabel("Monthly").focus();
  await page.keyboard.press("ArrowRight");
  assert.deepEqual(await prices(page), YEARLY);
  await page.keyboard.press("Tab");
  assert.match((await focused()).name, /^Choose Member .* a year$/);
  await page.keyboard.press("Enter");
  await page.locator("#authorize").waitFor();
});

scene("a plan chosen before signing in is marked after it", async ({ world, visitor }) => {
  const person = await world.person("Ada Yonath");
  const page = await visitor();
  await page.goto("/?interval=year");
  await planButton(page, "Member", "year").click();
  await consent(page, person);
  await plan(page, "Member").getByText("Your choice").waitFor();
  assert.deepEqual(await prices(page), YEARLY);
  await planButton(page, "Member", "year").click();
  await page.getByRole("button", { name: "Subscribe for €290.00" }).waitFor();
});

scene("on a phone the recommended plan comes first and nothing sticks out", async ({ visitor }) => {
  const page = await visitor({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
  await page.goto("/");
  const top = async (name: string) => (await plan(page, name).boundingBox())?.y ?? Number.NaN;
  assert.ok((await top("Patron")) < (await top("Member")), "the recommended plan is first");
  await fits(page);
  for (const button of await page.locator(".offer:visible button").all()) {
    const box = await button.boundingBox();
    assert.ok(box && box.height >= 44, "large enough for a thumb");
  }
});

scene("a change at Stripe is on the page by itself", async ({ world, visitor }) => {
  const products = await world.stripe("GET", "/products?limit=100");
  const member = products.data.find((product: any) => product.name === "Member");
  const page = await visitor();
  await page.goto("/");
  await world.stripe("POST", `/products/${member.id}`, { name: "Regular" });
  await eventually(async () => {
    await page.reload();
    assert.deepEqual(await page.locator("li.plan h3").allInnerTexts(), ["Regular", "Patron", "Season pass"]);
  });
  await world.stripe("POST", `/products/${member.id}`, { active: "false" });
  await eventually(async () => {
    await page.reload();
    assert.deepEqual(await page.locator("li.plan h3").allInnerTexts(), ["Patron", "Season pass"]);
  });
});

scene("an address that leads nowhere says so", async ({ visitor }) => {
  const page = await visitor({ expected: [/status of 404/] });
  const answer = await page.goto("/nowhere");
  assert.equal(answer?.status(), 404);
  await page.getByRole("heading", { level: 1, name: "There is no page at this address." }).waitFor();
  assert.deepEqual(await flaws(page), []);
});
