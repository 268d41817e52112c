/** The whole installation for browser tests: the pretend world, the app beside it, a browser. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { binaries, root, type Running, type Sandbox, start, startSandbox } from "./processes.ts";

const WEBHOOK_SECRET = "whsec_browser_tests";
/** How long anything on a page may take before a test gives up on it. */
const PATIENCE_MS = 10_000;

/** Grace Hopper of the sandbox's demo server, who sees the desk. */
export const OPERATOR = "1100000000000000102";

/** Of the sandbox's demo server. */
export const ROLE = { member: "1100000000000000021", patron: "1100000000000000022", team: "1100000000000000023" };

export interface VisitorOptions extends BrowserContextOptions {
  /** Console errors of our own pages that belong to the test. */
  expected?: RegExp[];
}

export interface World {
  /** Where people find the app. Another host than the pretend world's, as in life. */
  base: string;
  sandbox: Sandbox;
  app: Running;
  /** A new browser profile with one page. `problems` gathers what went wrong on our pages. */
  open(options?: VisitorOptions): Promise<{ context: BrowserContext; page: Page; problems: string[] }>;
  /** A new account at Discord; its id. */
  person(name: string, options?: { join?: boolean; no_email?: boolean }): Promise<string>;
  /** A request to Stripe as the app makes them. */
  stripe(method: "GET" | "POST", path: string, form?: Record<string, string>): Promise<any>;
  /** What Stripe has of a person, newest first. */
  atStripe(person: string): Promise<{ customers: any[]; subscriptions: any[]; sessions: any[]; charges: any[] }>;
  /** A person as the server in Discord has them. */
  atDiscord(person: string): Promise<{ in_server: boolean; roles: string[] }>;
  stop(): Promise<void>;
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => (address && typeof address === "object" ? resolve(address.port) : reject(new Error("no port"))));
    });
  });
}

async function startApp(
  port: number,
  base: string,
  sandbox: Sandbox,
  data: string,
  more: Record<string, string>,
): Promise<Running> {
  const application = (await sandbox.control("GET", "state")).discord;
  const app = await start(path.join(binaries, "rollcall"), {
    args: ["serve"],
    // Away from the checkout, so that nobody's .env is read.
    cwd: data,
    ready: /serving/,
    env: {
      LEPTOS_SITE_ADDR: `127.0.0.1:${port}`,
      PUBLIC_URL: base,
      LEPTOS_SITE_ROOT: path.join(root, "target/site"),
      DATABASE_URL: `sqlite:${path.join(data, "rollcall.db")}`,
      ENCRYPTION_KEY: randomBytes(32).toString("base64"),
      STRIPE_API_BASE: sandbox.base,
      STRIPE_SECRET_KEY: "sk_test_sandbox",
      STRIPE_WEBHOOK_SECRETS: WEBHOOK_SECRET,
      DISCORD_API_BASE: `${sandbox.base}/api/v10`,
      DISCORD_AUTHORIZE_URL: `${sandbox.base}/oauth2/authorize`,
      DISCORD_CLIENT_ID: application.application.id,
      DISCORD_CLIENT_SECRET: application.application.client_secret,
      DISCORD_BOT_TOKEN: application.application.bot_token,
      DISCORD_GUILD_ID: application.guild.id,
      SMTP_URL: `smtp://${sandbox.smtp.host}:${sandbox.smtp.port}`,
      MAIL_FROM: "members@council.test",
      CLOCK_URL: `${sandbox.base}/_sandbox/clock`,
      COMMUNITY_NAME: "The Revenue Council",
      OPERATOR_DISCORD_IDS: OPERATOR,
      LOG_FORMAT: "json",
      RUST_LOG: "info,sqlx=warn",
      ...more,
    },
  });
  try {
    await eventually(async () => {
      const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
      assert.equal(ready.status, 200, await ready.text());
      const landing = await fetch(`http://127.0.0.1:${port}/`);
      assert.match(await landing.text(), /Choose Member/, "the plans have been read");
    }, 20_000);
  } catch (error) {
    await app.stop();
    throw new Error(`the app did not get ready: ${error}\n${app.output()}`);
  }
  return app;
}

async function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env["ROLLCALL_CHROMIUM"] ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** Notes errors on the console and breaches of the content policy, on pages of `base`. */
function watch(page: Page, base: string, expected: RegExp[], problems: string[]): void {
  const note = (text: string) => {
    if (!expected.some((known) => known.test(text))) problems.push(text);
  };
  page.on("console", (message) => {
    const url = message.location().url;
    if (["error", "warning"].includes(message.type()) && url.startsWith(base)) {
      note(`console: ${message.text()} (${url})`);
    }
  });
  page.on("pageerror", (error) => note(`exception: ${error.message}`));
}

/** `more`: variables of the app beside the usual ones. */
export async function startWorld(more: Record<string, string> = {}): Promise<World> {
  const port = await freePort();
  const base = `http://localhost:${port}`;
  const ends: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  try {
    const data = await mkdtemp(path.join(tmpdir(), "rollcall-browser-"));
    ends.push(() => rm(data, { recursive: true, force: true }));
    const hook = `http://127.0.0.1:${port}/webhooks/stripe`;
    const redirect = `${base}/auth/callback`;
    const sandbox = await startSandbox(["--webhook", hook, "--webhook-secret", WEBHOOK_SECRET, "--redirect", redirect]);
    ends.push(() => sandbox.stop());
    const [app, browser] = await Promise.all([startApp(port, base, sandbox, data, more), startBrowser()]);
    ends.push(() => app.stop(), () => browser.close());
    return { base, sandbox, app, stop, ...doings(base, sandbox, browser) };
  } catch (error) {
    await stop();
    throw error;
  }
}

function doings(
  base: string,
  sandbox: Sandbox,
  browser: Browser,
): Pick<World, "open" | "person" | "stripe" | "atStripe" | "atDiscord"> {
  return {
    async open({ expected = [], ...options } = {}) {
      const context = await browser.newContext({
        baseURL: base,
        viewport: { width: 1280, height: 900 },
        reducedMotion: "reduce",
        ...options,
      });
      context.setDefaultTimeout(PATIENCE_MS);
      const problems: string[] = [];
      context.on("page", (page) => watch(page, base, expected, problems));
      if (options.javaScriptEnabled !== false) {
        await context.exposeFunction("noteViolation", (violation: string) => problems.push(violation));
        await context.addInitScript(`addEventListener("securitypolicyviolation", (event) =>
          location.origin === ${JSON.stringify(base)} &&
          noteViolation("policy: " + event.violatedDirective + " " + event.blockedURI))`);
      }
      return { context, page: await context.newPage(), problems };
    },
    async person(name, options = {}) {
      return (await sandbox.control("POST", "discord/user", { name, ...options })).user;
    },
    async stripe(method, path, form) {
      const answer = await fetch(`${sandbox.base}/v1${path}`, {
        method,
        headers: { authorization: "Bearer sk_test_sandbox" },
        ...(form ? { body: new URLSearchParams(form) } : {}),
      });
      assert.equal(answer.status, 200, `${method} ${path}: ${await answer.clone().text()}`);
      return answer.json();
    },
    async atStripe(person) {
      const { stripe } = await sandbox.control("GET", "state");
      const customers = stripe.customers.filter((row: any) => row.metadata?.rollcall_discord_user === person);
      const ids = customers.map((row: any) => row.id);
      const theirs = (rows: any[]) => rows.filter((row) => ids.includes(row.customer));
      return {
        customers,
        subscriptions: theirs(stripe.subscriptions),
        sessions: theirs(stripe.sessions),
        charges: theirs(stripe.charges),
      };
    },
    async atDiscord(person) {
      const { discord } = await sandbox.control("GET", "state");
      const found = discord.users.find((user: any) => user.id === person);
      assert.ok(found, `nobody has the id ${person}`);
      return found;
    },
  };
}

/** Tries again until `check` does not throw; then fails with what it threw last. */
export async function eventually<T>(check: () => Promise<T>, withinMs = PATIENCE_MS): Promise<T> {
  const until = Date.now() + withinMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() >= until) throw error;
      await pause(50);
    }
  }
}

export interface Scene {
  t: TestContext;
  world: World;
  /** A new browser profile, closed at the end; what went wrong on our pages fails the test. */
  visitor(options?: VisitorOptions): Promise<Page>;
}

/**
 * One world for the tests of a file. A test that fails tells what its pages showed and what the
 * app logged meanwhile; faults and paused deliveries do not outlive their test.
 */
export function stage(more: Record<string, string> = {}): (name: string, play: (scene: Scene) => Promise<void>) => void {
  let world: World;
  before(async () => {
    world = await startWorld(more);
  });
  after(() => world?.stop());
  return (name, play) => {
    test(name, { timeout: 60_000 }, async (t) => {
      const open: { context: BrowserContext; problems: string[] }[] = [];
      const logged = world.app.output().length;
      const visitor = async (options?: VisitorOptions) => {
        const opened = await world.open(options);
        open.push(opened);
        return opened.page;
      };
      try {
        await play({ t, world, visitor });
        const problems = open.flatMap(({ problems }) => problems);
        assert.deepEqual(problems, [], "errors on our own pages");
      } catch (error) {
        for (const page of open.flatMap(({ context }) => context.pages())) {
          const text = await page.locator("main").innerText({ timeout: 1_000 }).catch(() => "(no page)");
          t.diagnostic(`${page.url()}\n${text}`);
        }
        t.diagnostic(world.app.output().slice(logged));
        throw error;
      } finally {
        await Promise.all(open.map(({ context }) => context.close()));
        await world.sandbox.control("DELETE", "faults");
        await world.sandbox.control("POST", "deliveries/resume");
      }
    });
  };
}
