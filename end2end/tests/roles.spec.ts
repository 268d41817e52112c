/** Roles in the server: what cannot be given is told with the clicks that mend it, and follows by itself. */
import assert from "node:assert/strict";
import { becomeMember, faint, fits, flaws, signIn, station } from "./support/steps.ts";
import { eventually, OPERATOR, ROLE, stage } from "./support/world.ts";

const scene = stage();

/** The bot's own, of the sandbox's demo server. */
const BOT = "1100000000000000025";
const CLICKS = "Discord → Server Settings → Roles: drag ‘Rollcall’ above ‘Patron’";

scene("a role above the bot’s is told with the drag, and comes by itself once it is done", async ({ world, visitor }) => {
  await world.sandbox.control("POST", "discord/role_move", { role: ROLE.patron, position: 6 });
  const desk = await visitor();
  await signIn(desk, OPERATOR, "/admin/brake");
  const plan = desk.locator("section[aria-labelledby=plans] tr", { hasText: "Patron" });
  await eventually(async () => {
    await desk.goto("/admin/brake");
    await plan.getByText(CLICKS).waitFor({ timeout: 200 });
  });
  assert.deepEqual([...(await flaws(desk)), ...(await faint(desk))], []);
  await desk.setViewportSize({ width: 360, height: 740 });
  await fits(desk);
  await desk.setViewportSize({ width: 1280, height: 900 });

  const person = await world.person("Rosalind Franklin");
  const page = await visitor();
  await becomeMember(page, person, "Patron");
  await eventually(async () => {
    await page.goto("/billing");
    await page.getByText("Discord refused it; the operator has been told").first().waitFor({ timeout: 200 });
  });
  assert.ok(!(await world.atDiscord(person)).roles.includes(ROLE.patron));
  await desk.goto("/admin/incidents");
  await desk.getByText(CLICKS).first().waitFor();
  await eventually(async () => {
    const { discord } = await world.sandbox.control("GET", "state");
    const told = discord.messages.filter((message: any) => message.content.includes(CLICKS));
    assert.ok(told.length > 0, "and by a direct message");
    const channels = discord.direct_channels.filter((channel: any) => channel.user_id === OPERATOR);
    assert.deepEqual(new Set(told.map((message: any) => message.channel_id)), new Set([channels[0].channel_id]));
  });

  // From here on nobody presses anything in Rollcall.
  const began = Date.now();
  await world.sandbox.control("POST", "discord/role_move", { role: BOT, position: 6 });
  await eventually(async () => {
    assert.ok((await world.atDiscord(person)).roles.includes(ROLE.patron));
  });
  const took = Date.now() - began;
  assert.ok(took < 8_000, `${took} ms`);
  await eventually(async () => {
    await page.goto("/billing");
    await station(page, "Discord").getByText("Your roles are in place.").waitFor({ timeout: 200 });
  });
  await eventually(async () => {
    await desk.goto("/admin/brake");
    await plan.getByText("Everybody who buys it gets its roles").waitFor({ timeout: 200 });
  });
  await desk.goto("/admin/incidents");
  assert.equal(await desk.locator("section[aria-labelledby=open]").getByText(CLICKS).count(), 0);
});
