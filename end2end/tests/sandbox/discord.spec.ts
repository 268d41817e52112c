/** Discord's own client libraries cannot tell the sandbox from Discord. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DiscordAPIError, HTTPError, RateLimitError, REST, type RateLimitData } from "@discordjs/rest";
import {
  type APIGuild,
  type APIGuildMember,
  type APIRole,
  Client,
  Events,
  GatewayIntentBits,
  type GuildMember,
  type PartialGuildMember,
  Routes,
} from "discord.js";
import { type Sandbox, startSandbox } from "../support/processes.ts";

// The demo community has the same ids in every world.
const GUILD = "1100000000000000010";
const MEMBER = "1100000000000000021";
const PATRON = "1100000000000000022";
const BOT_ROLE = "1100000000000000025";
const FOUNDER = "1100000000000000026";
const GENERAL = "1100000000000000031";
const ADA = "1100000000000000101";
const GRACE = "1100000000000000102";
const LINUS = "1100000000000000103";
const BARBARA = "1100000000000000106";
const NOBODY = "1100000000000000999";

let sandbox: Sandbox;
let token: string;
let rest: REST;

before(async () => {
  sandbox = await startSandbox(["--seed", "3"]);
  const state = await sandbox.control("GET", "state");
  token = state.discord.application.bot_token;
  assert.equal(state.discord.guild.id, GUILD);
  rest = client();
});

after(async () => {
  assert.equal(await sandbox.stop(), 0, "it ends in order");
});

function client(): REST {
  return new REST({ version: "10", api: `${sandbox.base}/api`, retries: 0 }).setToken(token);
}

/** Whether an error is Discord's refusal with that status and code. */
function refusal(status: number, code: number) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof DiscordAPIError, String(error));
    assert.deepEqual({ status: error.status, code: error.code }, { status, code });
    return true;
  };
}

async function rolesOf(user: string): Promise<string[]> {
  return ((await rest.get(Routes.guildMember(GUILD, user))) as APIGuildMember).roles;
}

describe("reading the server", () => {
  test("its name, roles and members", async () => {
    const guild = (await rest.get(Routes.guild(GUILD))) as APIGuild;
    assert.equal(guild.name, "The Revenue Council");
    const roles = (await rest.get(Routes.guildRoles(GUILD))) as APIRole[];
    const position = (id: string): number => roles.find((role) => role.id === id)?.position ?? -1;
    assert.ok(position(MEMBER) < position(BOT_ROLE) && position(BOT_ROLE) < position(FOUNDER));
    const ada = (await rest.get(Routes.guildMember(GUILD, ADA))) as APIGuildMember;
    assert.equal(ada.user.id, ADA);
    const listed = (await rest.get(Routes.guildMembers(GUILD), {
      query: new URLSearchParams({ limit: "1000" }),
    })) as APIGuildMember[];
    assert.ok(listed.some((member) => member.user.id === ADA));
    assert.ok(!listed.some((member) => member.user.id === BARBARA));
    const first = (await rest.get(Routes.guildMembers(GUILD))) as APIGuildMember[];
    assert.equal(first.length, 1, "the default limit is 1");
  });
});

describe("roles", () => {
  test("are put and taken with a reason", async () => {
    await rest.put(Routes.guildMemberRole(GUILD, ADA, MEMBER), { reason: "Ada pays – since today" });
    assert.deepEqual(await rolesOf(ADA), [MEMBER]);
    await rest.put(Routes.guildMemberRole(GUILD, ADA, MEMBER));
    assert.deepEqual(await rolesOf(ADA), [MEMBER], "twice is once");
    await rest.delete(Routes.guildMemberRole(GUILD, ADA, MEMBER));
    assert.deepEqual(await rolesOf(ADA), []);
  });

  test("are refused for those who are away, for roles that are not, and above the bot", async () => {
    await assert.rejects(rest.get(Routes.guildMember(GUILD, BARBARA)), refusal(404, 10_007));
    await assert.rejects(rest.put(Routes.guildMemberRole(GUILD, BARBARA, MEMBER)), refusal(404, 10_007));
    await assert.rejects(rest.get(Routes.user(NOBODY)), refusal(404, 10_013));
    await assert.rejects(rest.put(Routes.guildMemberRole(GUILD, ADA, NOBODY)), refusal(404, 10_011));
    await assert.rejects(rest.put(Routes.guildMemberRole(GUILD, ADA, FOUNDER)), refusal(403, 50_013));
    assert.deepEqual(await rolesOf(ADA), []);
  });

  test("are refused to a token that is none", async () => {
    const stranger = new REST({ version: "10", api: `${sandbox.base}/api`, retries: 0 }).setToken("no.such.token");
    await assert.rejects(stranger.get(Routes.guild(GUILD)), refusal(401, 0));
  });
});

describe("rate limits", () => {
  test("told by headers are kept by the library without one refusal", { timeout: 60_000 }, async () => {
    await sandbox.control("DELETE", "calls");
    const limited: RateLimitData[] = [];
    const bot = client();
    bot.on("rateLimited", (data) => limited.push(data));
    // More than the bucket of role routes takes at once. One method, since the library learns only from
    // the first answers that PUT and DELETE share a bucket.
    await Promise.all(
      Array.from({ length: 12 }, () => bot.put(Routes.guildMemberRole(GUILD, LINUS, PATRON))),
    );
    assert.ok(limited.length > 0, "it had to wait");
    const { discord } = await sandbox.control("GET", "calls");
    const statuses = discord.map((call: { status: number }) => call.status);
    assert.ok(statuses.length >= 12);
    assert.ok(!statuses.includes(429), `no request was refused: ${statuses}`);
  });

  test("a 429 is waited out as long as it says", { timeout: 20_000 }, async () => {
    await sandbox.control("POST", "faults", {
      target: "discord",
      path: "/members/",
      times: 1,
      effect: { kind: "rate_limit", scope: "shared", retry_after_ms: 700 },
    });
    const started = performance.now();
    await client().get(Routes.guildMember(GUILD, GRACE));
    const took = performance.now() - started;
    assert.ok(took >= 690, `waited only ${took} ms`);
    const careful = new REST({ version: "10", api: `${sandbox.base}/api`, rejectOnRateLimit: () => true }).setToken(token);
    await sandbox.control("POST", "faults", {
      target: "discord",
      path: "/members/",
      times: 1,
      effect: { kind: "rate_limit", scope: "user", retry_after_ms: 400 },
    });
    await assert.rejects(careful.get(Routes.guildMember(GUILD, GRACE)), (error) => {
      assert.ok(error instanceof RateLimitError, String(error));
      assert.equal(error.global, false);
      assert.ok(error.retryAfter >= 400 && error.retryAfter < 2_000, String(error.retryAfter));
      return true;
    });
  });

  test("a failure of Discord's is told as one", async () => {
    await sandbox.control("POST", "faults", {
      target: "discord", path: "/roles", times: 1, effect: { kind: "status", status: 503 },
    });
    await assert.rejects(
      rest.get(Routes.guildRoles(GUILD)),
      (error) => (error instanceof HTTPError || error instanceof DiscordAPIError) && error.status === 503,
    );
    assert.ok(Array.isArray(await rest.get(Routes.guildRoles(GUILD))), "and all is well again");
  });
});

describe("the gateway", () => {
  test("a bot that stands by sees joins, roles and leavings", { timeout: 30_000 }, async () => {
    const bot = new Client({
      intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMembers],
      rest: { api: `${sandbox.base}/api` },
    });
    try {
      const ready = new Promise<void>((resolve) => bot.once(Events.ClientReady, () => resolve()));
      await bot.login(token);
      await ready;
      const guild = bot.guilds.cache.get(GUILD);
      assert.equal(guild?.name, "The Revenue Council");

      const joined = new Promise<GuildMember>((resolve) => bot.once(Events.GuildMemberAdd, resolve));
      await sandbox.control("POST", "discord/join", { user: BARBARA });
      assert.equal((await joined).id, BARBARA);

      const changed = new Promise<GuildMember>((resolve) =>
        bot.once(Events.GuildMemberUpdate, (_, member) => resolve(member)),
      );
      await rest.put(Routes.guildMemberRole(GUILD, BARBARA, MEMBER));
      assert.ok((await changed).roles.cache.has(MEMBER));

      const byHand = new Promise<GuildMember>((resolve) =>
        bot.once(Events.GuildMemberUpdate, (_, member) => resolve(member)),
      );
      await sandbox.control("POST", "discord/role_remove", { user: BARBARA, role: MEMBER });
      assert.ok(!(await byHand).roles.cache.has(MEMBER));

      const left = new Promise<GuildMember | PartialGuildMember>((resolve) =>
        bot.once(Events.GuildMemberRemove, resolve),
      );
      await sandbox.control("POST", "discord/leave", { user: BARBARA });
      assert.equal((await left).id, BARBARA);

      const all = await guild?.members.fetch();
      assert.ok(all?.has(ADA) && !all.has(BARBARA), "asked for over the gateway, in chunks");
      const channel = await bot.channels.fetch(GENERAL);
      assert.ok(channel?.isSendable());
      const message = await channel.send("Good evening.");
      assert.equal(message.content, "Good evening.");
    } finally {
      await bot.destroy();
    }
  });
});
