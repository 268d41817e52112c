/** The desk: there for operators alone; each page, with the keyboard, on a phone and without JavaScript. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { becomeMember, faint, fits, flaws, heading, signIn } from "./support/steps.ts";
import { eventually, OPERATOR, stage, type World } from "./support/world.ts";

const scene = stage();

const PAGES = ["Overview", "Inbox", "Work", "Incidents", "Roles", "Brake", "People"];

function tab(page: Page, name: string) {
  return page.getByRole("navigation", { name: "Desk" }).getByRole("link", { name });
}

/** The newest stored event of a type, by its row of the inbox. */
async function row(page: Page, type: string) {
  await page.goto(`/admin/inbox?type=${type}`);
  return page.locator("table.ledger tbody tr").first();
}

/** Makes the next readings of that person's subscriptions fail as Stripe's refusals do. */
async function refuseReading(world: World): Promise<void> {
  const refusal = { target: "stripe", kind: "answer", status: 400, method: "GET", path: "/v1/subscriptions" };
  await world.sandbox.control("POST", "faults", refusal);
}

scene("nobody but an operator finds the desk", async ({ world, visitor }) => {
  const page = await visitor({ expected: [/status of 404/] });
  for (const signedIn of [false, true]) {
    if (signedIn) await signIn(page, await world.person("Lise Meitner"));
    const told: string[] = [];
    for (const path of ["/nowhere", "/admin", "/admin/inbox"]) {
      const answer = await page.goto(path);
      assert.equal(answer?.status(), 404, path);
      told.push(await page.locator("body").innerText());
    }
    assert.equal(new Set(told).size, 1, "one page for all of them");
    await page.goto("/");
    assert.equal(await page.getByRole("link", { name: "Desk" }).count(), 0);
  }
});

scene("an operator goes through the desk", async ({ world, visitor }) => {
  await becomeMember(await visitor(), await world.person("Emmy Noether"));
  const page = await visitor();
  await signIn(page, OPERATOR);
  await page.getByRole("link", { name: "Desk" }).click();
  await heading(page, "Overview").waitFor();
  for (const name of PAGES) {
    await tab(page, name).click();
    await heading(page, name).waitFor();
    assert.deepEqual([...(await flaws(page)), ...(await faint(page))], [], name);
    await page.setViewportSize({ width: 360, height: 740 });
    await fits(page);
    await page.setViewportSize({ width: 1280, height: 900 });
    await fits(page);
  }
});

scene("the inbox is filtered with the keyboard alone", async ({ world, visitor }) => {
  await becomeMember(await visitor(), await world.person("Amalie Dietrich"));
  const page = await visitor();
  await signIn(page, OPERATOR, "/admin/inbox");
  await page.getByLabel("Type").focus();
  await page.keyboard.type("invoice.paid");
  await page.keyboard.press("Enter");
  await page.waitForURL(/type=invoice\.paid/);
  const types = await page.locator("table.ledger tbody strong").allInnerTexts();
  assert.ok(types.length > 0);
  assert.deepEqual(new Set(types), new Set(["invoice.paid"]));
});

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without JavaScript";
  scene(`an event is replayed, and parked work is mended${how}`, async ({ world, visitor }) => {
    const person = await world.person(javaScriptEnabled ? "Hedy Lamarr" : "Chien-Shiung Wu");
    await becomeMember(await visitor(), person);
    const customer = (await world.atStripe(person)).customers[0].id;
    const page = await visitor({ javaScriptEnabled });
    await signIn(page, OPERATOR);

    await refuseReading(world);
    await page.goto(`/admin/inbox?type=invoice.paid&customer=${customer}`);
    await page.getByRole("button", { name: /^Replay/ }).click();
    await page.getByText("Marked. Whoever the event is about").waitFor();
    assert.match(page.url(), new RegExp(`customer=${customer}&done=replayed$`), "back where one was");
    await eventually(async () => {
      await page.goto("/admin/work");
      assert.equal(await page.locator("section", { hasText: "Parked" }).locator("tbody tr").count(), 1);
      assert.equal(await tab(page, "Work").locator(".count").innerText({ timeout: 200 }), "1");
    });
    await tab(page, "Incidents").click();
    await page.getByText("What to do.").first().waitFor();

    await world.sandbox.control("DELETE", "faults");
    await tab(page, "Work").click();
    await page.getByRole("button", { name: /^Retry payer/ }).click();
    await page.getByText("Marked. It is tried again now.").waitFor();
    await eventually(async () => {
      await page.goto("/admin/work");
      await page.getByText("Nothing is parked.").waitFor({ timeout: 200 });
    });
    await page.goto(`/admin/people?q=${person}`);
    for (const act of ["replay", "retry", "entitlement"]) {
      await page.getByRole("cell", { name: act, exact: true }).first().waitFor();
    }
  });
}

scene("a role that joins a plan waits for a yes", async ({ world, visitor }) => {
  const person = await world.person("Marie Tharp");
  await becomeMember(await visitor(), person);
  const role = (await world.sandbox.control("POST", "discord/role_create", { name: "Cartographers", permissions: "0" })).role;
  const products = await world.stripe("GET", "/products?limit=100");
  const member = products.data.find((product: any) => product.name === "Member");
  const before = member.metadata.rollcall_roles;
  await world.stripe("POST", `/products/${member.id}`, { "metadata[rollcall_roles]": `${before},${role}` });

  const page = await visitor();
  await signIn(page, OPERATOR);
  const question = page.locator("li.incident", { hasText: "Cartographers joins Member" });
  await eventually(async () => {
    await page.goto("/admin/roles");
    await question.waitFor({ timeout: 200 });
  });
  assert.deepEqual((await world.atDiscord(person)).roles.includes(role), false);
  await question.getByRole("button", { name: /^Give the role/ }).click();
  await page.getByText("Done. Everybody it touches is looked at now.").waitFor();
  await eventually(async () => {
    assert.ok((await world.atDiscord(person)).roles.includes(role));
  });
  const answered = await row(page, "product.updated");
  await answered.waitFor();
});
