/** Pictures of a company's pages, for `screenshots.ts`. */
import type { Page } from "playwright-core";
import { CARD, consent, heading, pay, signIn } from "./steps.ts";
import { eventually, type World } from "./world.ts";

type Picture = (page: Page, name: string) => Promise<void>;

/** Seats of a company: bought, given, counted, too many; and what somebody invited sees. */
export async function companies(world: World, picture: Picture): Promise<void> {
  const { page, context } = await world.open();
  await signIn(page, await world.person("Ada Lovelace"));
  await page.goto("/company");
  await picture(page, "company-none");
  await page.goto("/company/new?seats=5");
  await picture(page, "company-new");
  await page.getByLabel("Its name, as it stands on invites").fill("Analytical Engines");
  await page.getByRole("button", { name: "Go to payment" }).click();
  await pay(page, CARD.works);
  await heading(page, /^All 5 seats are free/).waitFor();
  await picture(page, "company-bought");
  const at = new URL(page.url()).pathname;
  await page.getByLabel(/^E-mail addresses/).fill("emmy.noether@example.org\nnobody\nEMMY.NOETHER@example.org");
  await page.getByRole("button", { name: /^Invite/ }).click();
  await page.getByText("Some lines cannot be invited.").waitFor();
  await picture(page, "company-invite-refused");
  await page.getByLabel(/^E-mail addresses/).fill("emmy.noether@example.org\na@example.org\nb@example.org");
  await page.getByRole("button", { name: /^Invite/ }).click();
  await page.getByText("3 people are invited.").waitFor();
  await page.getByRole("button", { name: "Take a seat yourself" }).click();
  await page.getByText("You have a seat now.").waitFor();
  const link = await eventually(async () => {
    const { mail } = await world.sandbox.control("GET", "state");
    const found = /\/invite\/[\w-]+/.exec(JSON.stringify(mail))?.[0];
    if (!found) throw new Error("no invite yet");
    return found;
  });
  await invited(world, link, picture);
  await page.goto(at);
  await picture(page, "company");
  await page.getByRole("button", { name: /^Take back/ }).first().click();
  await page.getByText("The seat is free.").waitFor();
  await picture(page, "company-freed");
  await page.getByRole("button", { name: "Make a group link" }).click();
  await page.getByLabel("Link", { exact: true }).waitFor();
  await picture(page, "company-link");
  await page.goto(`${at}/number`);
  await picture(page, "company-number");
  await page.goto(`${at}/number?seats=9`);
  await picture(page, "company-number-more");
  await page.goto(`${at}/number?seats=3`);
  await picture(page, "company-number-fewer");
  await page.goto(`${at}/number?seats=1`);
  await picture(page, "company-number-refused");
  await page.goto("/company");
  await picture(page, "company-list");
  const { stripe } = await world.sandbox.control("GET", "state");
  const newest = stripe.subscriptions.toSorted((a: any, b: any) => b.created - a.created)[0];
  const item = { "items[0][id]": newest.items.data[0].id, "items[0][quantity]": "2", proration_behavior: "none" };
  await world.stripe("POST", `/subscriptions/${newest.id}`, item);
  await eventually(async () => {
    await page.goto(at);
    await page.getByText("held than paid").first().waitFor({ timeout: 500 });
  }, 20_000);
  await picture(page, "company-over");
  await page.getByRole("link", { name: "Choose who makes way" }).click();
  await heading(page, /to make way/).waitFor();
  await picture(page, "company-makes-way");
  await context.close();
}

/** The same company, for whoever is invited. */
async function invited(world: World, link: string, picture: Picture): Promise<void> {
  const { page, context } = await world.open();
  await page.goto(link);
  await picture(page, "invite-signed-out");
  await signIn(page, await world.person("Somebody Else"), link);
  await picture(page, "invite-other-address");
  const emmy = await world.person("Emmy Noether");
  await page.getByRole("link", { name: "Sign in with another account" }).click();
  await consent(page, emmy);
  await page.getByRole("button", { name: "Take the seat" }).waitFor();
  await picture(page, "invite");
  await page.getByRole("button", { name: "Take the seat" }).click();
  await page.getByText("The seat is yours.").waitFor();
  await picture(page, "company-holder");
  await page.goto("/billing");
  await picture(page, "billing-seat");
  await page.goto(link);
  await picture(page, "invite-used");
  await context.close();
}
