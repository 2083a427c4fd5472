// A browser for the stories: Chromium against a running server, logged in, and
// watched. A story fails when the page logs an error or speaks to anybody but
// its own server, whatever else it checks.
//
//   HOSTLER_URL    where the server is, for example https://localhost:7443
//   HOSTLER_LOGIN  a login link of `hostlerd admin-link`; it is used up
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject } from "vitest";

export const EXECUTABLE = process.env.CHROMIUM ?? "/usr/bin/chromium";
export const ARGUMENTS = [
  // The stories run as root in CI, where Chromium's own sandbox cannot.
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** How long anything may take, in milliseconds: a busy machine is no fault of the page. */
export const PATIENCE = 30_000;

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: EXECUTABLE, args: ARGUMENTS, timeout: 2 * PATIENCE });
}

export interface Story {
  page: Page;
  context: BrowserContext;
  /** Answers with this status are part of the story and no error. */
  expectStatus: (status: number) => void;
  /** Opens a path of the site. */
  open: (path: string) => Promise<void>;
  /** Asks the API as the page would, and gives the JSON. */
  api: <T>(path: string) => Promise<T>;
  /** Changes something by the API, waits for the operation's end if there is one, and gives the JSON. */
  change: <T>(method: "POST" | "DELETE", path: string, data?: object) => Promise<T>;
  /** What is to be done when the story ends, however it ends. */
  later: (work: () => Promise<void>) => void;
}

interface Options {
  theme?: "light" | "dark";
  loggedIn?: boolean;
  viewport?: { width: number; height: number };
}

/** Gives each test of the file a fresh page; call once at the top of a file. */
export function stories(options: Options = {}): Story {
  const url = inject("url");
  const origin = new URL(url).origin;
  let browser: Browser;
  let troubles: string[];
  let expected: Set<number>;
  let lastly: (() => Promise<void>)[];
  const story = {} as Story;

  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser.close());

  beforeEach(async () => {
    troubles = [];
    expected = new Set();
    lastly = [];
    const context = await browser.newContext({
      baseURL: url,
      // The server's certificate is its own; the first connection is loopback.
      ignoreHTTPSErrors: true,
      colorScheme: options.theme ?? "light",
      // What fades in has no honest contrast meanwhile, and what moves is missed by a click.
      reducedMotion: "reduce",
      viewport: options.viewport ?? { width: 1440, height: 900 },
      storageState: options.loggedIn === false ? undefined : inject("storageState"),
    });
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    page.on("pageerror", (error) => troubles.push(`page error: ${error.message}`));
    page.on("console", (message) => {
      if (message.type() !== "error") return;
      const status = /status of (\d{3})/.exec(message.text())?.[1];
      if (status && expected.has(Number(status))) return;
      troubles.push(`console: ${message.text()} ${message.location().url}`);
    });
    page.on("request", (request) => {
      const to = new URL(request.url());
      if (to.protocol === "data:" || to.protocol === "blob:") return;
      if (to.host !== new URL(origin).host) troubles.push(`request to ${request.url()}`);
    });
    story.page = page;
    story.context = context;
    story.expectStatus = (status) => expected.add(status);
    story.open = async (path) => {
      await page.goto(path);
    };
    story.api = async (path) => {
      const answer = await context.request.get(`${url}${path}`);
      expect(answer.status(), path).toBe(200);
      return answer.json();
    };
    story.change = async (method, path, data) => {
      const answer = await context.request.fetch(`${url}${path}`, {
        method,
        data,
        // As the page's own requests have it; and the answer comes when all is done.
        headers: { origin, prefer: "wait=60" },
        timeout: 3 * PATIENCE,
      });
      expect(answer.ok(), `${method} ${path}: ${answer.status()}`).toBe(true);
      // Some answers are that it is done, and nothing else.
      return answer.status() === 204 ? undefined : answer.json();
    };
    story.later = (work) => lastly.push(work);
  });

  afterEach(async () => {
    // Without the pages, which would ask for what is taken away under them.
    for (const page of story.context.pages()) await page.close();
    for (const work of lastly) await work();
    await story.context.close();
    expect(troubles).toEqual([]);
  });
  return story;
}
