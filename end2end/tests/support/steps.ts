/** What people do, in the order they do it. */
import assert from "node:assert/strict";
import type { Locator, Page } from "playwright-core";

/** Stripe's published test cards. */
export const CARD = { works: "4242 4242 4242 4242", declined: "4000 0000 0000 0002", asks: "4000 0025 0000 3155" };

/** On Discord's consent page: is that person, and agrees. */
export async function consent(page: Page, person: string): Promise<void> {
  await page.locator(`input[name="user"][value="${person}"]`).check();
  await page.locator("#authorize").click();
}

/** The address to which Discord would send that person's browser back, which is not opened. */
export async function consentAddress(page: Page, person: string): Promise<string> {
  const form = new URLSearchParams({ user: person, decision: "authorize" });
  for (const hidden of await page.locator("form input[type=hidden]").all()) {
    form.set((await hidden.getAttribute("name")) ?? "", await hidden.inputValue());
  }
  const answer = await fetch(new URL("/oauth2/authorize", page.url()), { method: "POST", body: form, redirect: "manual" });
  const address = answer.headers.get("location");
  assert.ok(address, `Discord answered ${answer.status} without an address`);
  return address;
}

/** Signs in and lands at `to`. */
export async function signIn(page: Page, person: string, to = "/"): Promise<void> {
  await page.goto(`/login?next=${encodeURIComponent(to)}`);
  await consent(page, person);
  await page.getByRole("button", { name: "Sign out" }).waitFor();
}

export function planButton(page: Page, plan: string, every: "month" | "year"): Locator {
  return page.getByRole("button", { name: new RegExp(`^Choose ${plan} – .* a ${every}$`) });
}

/** From the landing page to Stripe's, which is left open. */
export async function choose(page: Page, plan = "Member", every: "month" | "year" = "month"): Promise<void> {
  await planButton(page, plan, every).click();
  await page.locator("#card_number").waitFor();
}

/** On Stripe's page: types that card, and an address where one is asked for, and presses the button,
 * whatever comes of it. */
export async function pay(page: Page, card: string): Promise<void> {
  await page.locator("#card_number").fill(card);
  const address = { line1: "Ockham Street 1", postal_code: "10115", city: "Berlin" };
  for (const [part, text] of Object.entries(address)) {
    const field = page.locator(`#${part}`);
    if (await field.count()) await field.fill(text);
  }
  await page.locator("#exp").fill("12 / 49");
  await page.locator("#cvc").fill("123");
  await page.locator("#pay").click();
}

/** The sentence of somebody who is in. */
export function active(page: Page): Locator {
  return page.getByRole("heading", { level: 1, name: /^You’re in\. Renews on \d+ \w+ \d{4} for / });
}

export function heading(page: Page, name: string | RegExp): Locator {
  return page.getByRole("heading", { level: 1, name });
}

/** One of the stations Payment, Membership, Discord in the line of them. */
export function station(page: Page, name: string): Locator {
  return page.locator("ol.chain > li").filter({ has: page.locator(".link-name", { hasText: name }) });
}

/** Signed in, paid and back on the dashboard. */
export async function becomeMember(page: Page, person: string, plan = "Member"): Promise<void> {
  await signIn(page, person);
  await choose(page, plan);
  await pay(page, CARD.works);
  await active(page).waitFor();
}

/** What a page lacks for somebody who does not see it, or does not use a mouse. */
export async function flaws(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found: string[] = [];
    if (!document.documentElement.lang) found.push("no language");
    if (!document.title.trim()) found.push("no title");
    if (document.querySelectorAll("h1").length !== 1) found.push("not one h1");
    if (document.querySelectorAll("main").length !== 1) found.push("not one main");
    let level = 0;
    for (const title of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
      if (Number(title.tagName[1]) > level + 1) found.push(`skips to ${title.tagName}: ${title.textContent}`);
      level = Number(title.tagName[1]);
    }
    for (const field of document.querySelectorAll<HTMLInputElement>("input:not([type=hidden]), select, textarea")) {
      if (!field.labels?.length && !field.getAttribute("aria-label")) found.push(`no label: ${field.outerHTML}`);
    }
    for (const control of document.querySelectorAll("button, a[href]")) {
      const name = control.getAttribute("aria-label") ?? control.textContent ?? "";
      if (!name.trim()) found.push(`no name: ${control.outerHTML}`);
    }
    for (const picture of document.querySelectorAll("img:not([alt])")) found.push(`no alt: ${picture.outerHTML}`);
    const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
    for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) found.push(`twice the id ${id}`);
    for (const user of document.querySelectorAll("[aria-labelledby]")) {
      const id = user.getAttribute("aria-labelledby") ?? "";
      if (!document.getElementById(id)) found.push(`labelled by ${id}, which is not there`);
    }
    return found;
  });
}

/** A script, since a compiled function leans on its module. Colours are read from a canvas, whatever their notation. */
const FAINT = `(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const mixed = (color, under) => {
    for (const fill of [under, color]) { canvas.fillStyle = fill; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const linear = (part) => (part <= 0.04045 * 255 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const words = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!words || !element.checkVisibility() || element.closest(".unseen, .skip, script, style, noscript")) continue;
    const line = [];
    for (let at = element; at; at = at.parentElement) line.unshift(getComputedStyle(at).backgroundColor);
    const paper = line.reduce((under, color) => "rgb(" + mixed(color, under).join(" ") + ")", "white");
    const style = getComputedStyle(element);
    const [dark, light] = [mixed(style.color, paper), mixed(paper, "white")].map(luminance).sort((a, b) => a - b);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const contrast = (light + 0.05) / (dark + 0.05);
    if (contrast < (large ? 3 : 4.5)) found.push(element.textContent.trim() + ": " + contrast.toFixed(2));
  }
  return found;
})()`;

/** Words whose contrast is below AA (WCAG 2.2, 1.4.3), on light and on dark paper. */
export async function faint(page: Page): Promise<string[]> {
  const found: string[] = [];
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    const words = (await page.evaluate(FAINT)) as string[];
    found.push(...words.map((text) => `${colorScheme}: ${text}`));
  }
  return found;
}

/** Fails when the page is wider than the window. */
export async function fits(page: Page): Promise<void> {
  const [needed, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth] as const);
  assert.ok(needed <= width, `the page needs ${needed} px of ${width}`);
}
