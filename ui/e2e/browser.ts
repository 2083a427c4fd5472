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

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: EXECUTABLE, args: ARGUMENTS });
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
  const story = {} as Story;

  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser.close());

  beforeEach(async () => {
    troubles = [];
    expected = new Set();
    const context = await browser.newContext({
      baseURL: url,
      // The server's certificate is its own; the first connection is loopback.
      ignoreHTTPSErrors: true,
      colorScheme: options.theme ?? "light",
      viewport: options.viewport ?? { width: 1440, height: 900 },
      storageState: options.loggedIn === false ? undefined : inject("storageState"),
    });
    context.setDefaultTimeout(15_000);
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
  });

  afterEach(async () => {
    await story.context.close();
    expect(troubles).toEqual([]);
  });
  return story;
}
