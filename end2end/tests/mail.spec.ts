/** Mail as people get it: read in the pretend mailbox, its links followed. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { becomeMember, faint, fits, flaws, heading } from "./support/steps.ts";
import { eventually, stage, type World } from "./support/world.ts";

const scene = stage();

/** Opens the newest mail with that subject to that address. */
async function openMail(world: World, page: Page, subject: string, to: RegExp): Promise<void> {
  await eventually(async () => {
    await page.goto(`${world.sandbox.base}/mail`);
    const mail = page.locator("li[data-mail]").filter({ hasText: subject }).filter({ hasText: to }).first();
    await mail.getByRole("link").click({ timeout: 500 });
  });
  await heading(page, subject).waitFor();
}

scene("a newcomer is welcomed, and can decline what is not essential", async ({ world, visitor }) => {
  const page = await visitor();
  await becomeMember(page, await world.person("Emmy Noether"));
  const inbox = await visitor();
  await openMail(world, inbox, "Welcome to The Revenue Council", /noether/i);
  const letter = inbox.locator("pre.letter");
  assert.match(await letter.innerText(), /You are in: Member, 29\s€ a month\./);
  const html = inbox.frameLocator("iframe");
  assert.equal(await html.getByRole("link", { name: "Your membership" }).getAttribute("href"), `${world.base}/billing`);

  // Nobody is signed in here: the link is enough, and looking changes nothing.
  await letter.getByRole("link", { name: /\/mail\/unsubscribe\?token=/ }).click();
  await heading(inbox, "You get all of our mail.").waitFor();
  assert.deepEqual([...(await flaws(inbox)), ...(await faint(inbox))], []);
  await inbox.setViewportSize({ width: 360, height: 740 });
  await fits(inbox);
  await inbox.getByRole("button", { name: "Send me only what is essential" }).click();
  await heading(inbox, "You get only what is essential.").waitFor();
  await inbox.reload();
  await inbox.getByRole("button", { name: "Send me everything again" }).click();
  await heading(inbox, "You get all of our mail.").waitFor();
});

scene("a link that was cut off changes nothing and says so", async ({ visitor }) => {
  const page = await visitor({ expected: [/404/] });
  await page.goto("/mail/unsubscribe?token=usr_");
  await heading(page, "This link does not work.").waitFor();
  assert.deepEqual(await flaws(page), []);
});
