// What was chosen for a screen, and what is said of it, over a reconnect.
import { act } from "react";
import { beforeEach, expect, test, vi } from "vitest";
import { rendered } from "../../../../testing/rendered";
import type { Attach, ConsoleState } from "./useConsole";

/** Stands for noVNC, which needs a canvas. */
class Screen extends EventTarget {
  scaleViewport = false;
  clipViewport = false;
  viewOnly = false;
  background = "";
  readonly disconnect = vi.fn();
  readonly focus = vi.fn();
  constructor() {
    super();
    screens.push(this);
  }
}

const screens: Screen[] = [];
let attach: Attach | undefined;
let state: ConsoleState;

vi.mock("@novnc/novnc", () => ({ default: Screen }));
vi.mock("./useConsole", () => ({
  useConsole: (_vm: string, _kind: string, given: Attach | undefined) => {
    attach = given;
    return { state, connect: () => {} };
  },
}));
const { VncConsole } = await import("./VncConsole");

beforeEach(() => {
  screens.length = 0;
  state = { phase: "opening" };
});

/** An open console, and how to cut it off and connect it again. */
async function openConsole() {
  const page = await rendered(<VncConsole vm="1" name="web-1" />);
  const connect = async () => {
    const detach = attach?.(new EventTarget() as WebSocket);
    state = { phase: "open" };
    await page.show(<VncConsole vm="1" name="web-1" />);
    return detach;
  };
  let detach = await connect();
  const reconnect = async () => {
    detach?.();
    state = { phase: "opening" };
    await page.show(<VncConsole vm="1" name="web-1" />);
    detach = await connect();
  };
  return { ...page, reconnect };
}

async function press(place: Element, text: string) {
  const button = [...place.querySelectorAll("button")].find((one) => one.textContent === text);
  expect(button, text).toBeDefined();
  await act(async () => button?.click());
}

async function tell(event: string) {
  await act(async () => screens.at(-1)?.dispatchEvent(new Event(event)));
}

test("a screen shown 1:1 and only looked at is so after a reconnect", async () => {
  const { place, reconnect } = await openConsole();
  expect(screens.at(-1)).toMatchObject({ scaleViewport: true, clipViewport: false });
  await press(place, "Show 1:1");
  await press(place, "View only");
  await reconnect();
  expect(screens).toHaveLength(2);
  expect(screens.at(-1)).toMatchObject({
    scaleViewport: false,
    clipViewport: true,
    viewOnly: true,
  });
});

test("a trouble is told until a connection is good again", async () => {
  const { place, reconnect } = await openConsole();
  await tell("securityfailure");
  expect(place.textContent).toContain("refused the login");
  await reconnect();
  expect(place.textContent).toContain("refused the login");
  await tell("connect");
  expect(place.textContent).not.toContain("refused the login");
});
