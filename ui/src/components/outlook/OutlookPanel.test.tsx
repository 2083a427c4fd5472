// An outlook as it is shown: with answers, without any, and where the server refuses.
import { QueryClientProvider } from "@tanstack/react-query";
import { act } from "react";
import { afterEach, expect, test, vi } from "vitest";
import { makeQueryClient } from "../../api/query";
import type { Outlook } from "../../api/types";
import { setServerNow } from "../../lib/clock";
import type { Horizon } from "../../lib/search";
import { rendered } from "../../testing/rendered";
import { OutlookPanel } from "./OutlookPanel";
import { example, NOW, unreadable, young } from "./outlook.fixture";

afterEach(async () => {
  vi.unstubAllGlobals();
  await act(async () => setServerNow(new Date().toISOString()));
});

/** What a server shows that answers so, and what it was asked. */
async function shown(status: number, body: object, horizon?: Horizon) {
  const asked: URL[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    asked.push(new URL(request.url, "https://localhost"));
    const headers = { "content-type": "application/json" };
    return new Response(JSON.stringify(body), { status, headers });
  });
  const onHorizon = vi.fn();
  const { place } = await rendered(
    <QueryClientProvider client={makeQueryClient()}>
      <OutlookPanel of="hosts" id="h1" horizon={horizon} onHorizon={onHorizon} />
    </QueryClientProvider>,
  );
  await comes(() => expect.poll(() => place.textContent, SOON).toMatch(/computed|Cannot/));
  return { place, asked, onHorizon };
}

const SOON = { timeout: 30_000 };

/** What comes of an answer comes by itself, which React is told is meant so. */
async function comes(wait: () => Promise<void>): Promise<void> {
  const react = globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean };
  react.IS_REACT_ACT_ENVIRONMENT = false;
  await wait();
  react.IS_REACT_ACT_ENVIRONMENT = true;
}

function table(place: Element, label: string): string {
  return place.querySelector(`table[aria-label="${label}"]`)?.textContent ?? "";
}

/** happy-dom draws nothing: what is drawn is the browser's matter. */
function undrawn(outlook: Outlook): Outlook {
  const resources = outlook.resources.map((it) => ({
    ...it,
    forecast: it.forecast && { ...it.forecast, steps: [] },
  }));
  return { ...outlook, resources };
}

test("d22: all that is known stands there with how sure it is", async () => {
  const { place } = await shown(200, undrawn(example));
  const resources = table(place, "Resources");
  for (const text of ["File system /", "33 GiB", "83 %", "in 5 d", "3 d to 7 d", "full now"]) {
    expect(resources).toContain(text);
  }
  expect(resources).toContain("not before 5 d, perhaps not within 7 d");
  expect(resources).toContain("+1.1 GiB to +1.9 GiB");
  expect(resources).toContain("−0.2 %-points to +1 %-points, perhaps not at all");
  expect(resources).toContain("32 % to 50 %");
  expect(place.textContent).toContain("2 more series are not told");
  expect(place.textContent).toContain("62 %, where 21 % to 34 % is usual at this hour of the day");
  expect(place.textContent).toContain("for 6 values in a row");
  expect(place.textContent).not.toContain("not enough history yet");
});

test("d22: sizes have their reason, and errors on the past stand beside expecting no change", async () => {
  const { place } = await shown(200, undrawn(example));
  const sizes = table(place, "Sizes");
  expect(sizes).toContain("99 % of the time it uses no more than 22 % of its 8 vCPUs");
  expect(sizes).toContain("The history reaches back 2 d, and at least 7 d are needed.");
  const tests = table(place, "Errors on the past");
  expect(tests).toContain("4.1 % (11 % of it)off by 12 %92 % of the times; made for 90 %24");
  expect(tests).toContain("Time to full7 d ahead1 GiBoff by 4 GiB");
});

test("x17: too little history is explained, with what each answer waits for, and is no error", async () => {
  const { place } = await shown(200, young);
  expect(place.textContent).toContain("There is not enough history yet to say what will be.");
  expect(table(place, "Not known, and why")).toContain(
    "0 of at least 30 values are there, each the mean of an hour.",
  );
  expect(table(place, "Resources")).toContain("62 %");
  expect(place.querySelector(".pf-v6-c-alert")).toBeNull();
  expect(place.querySelector("progress")?.getAttribute("aria-label")).toBeTruthy();
});

test("what the server refuses stands in its place, with its code", async () => {
  for (const [status, code] of [
    [501, "capability_missing"],
    [403, "permission_denied"],
  ] as const) {
    const { place } = await shown(status, { code, title: "it does not", help: "Ask somebody." });
    expect(place.querySelector(`[data-code="${code}"]`)?.textContent).toContain("Ask somebody.");
    expect(place.querySelector("table")).toBeNull();
  }
});

test("it looks as far ahead as it is told, a week where nothing is said", async () => {
  const { place, asked, onHorizon } = await shown(200, young, "90d");
  expect(asked[0]?.pathname).toBe("/api/v1/hosts/h1/outlook");
  expect(asked[0]?.searchParams.get("horizon_seconds")).toBe("7776000");
  await act(async () => place.querySelector<HTMLElement>("#horizon-1d")?.click());
  expect(onHorizon).toHaveBeenCalledWith("1d");
  expect((await shown(200, young)).asked[0]?.searchParams.get("horizon_seconds")).toBe("604800");
});

test("x17: what could not be read is not told as not measured, nor as not there yet", async () => {
  const { place } = await shown(200, unreadable);
  expect(place.textContent).toContain("Not all that was measured could be read");
  expect(place.textContent).not.toContain("not measured");
  expect(place.textContent).not.toContain("nothing yet");
  expect(place.textContent).not.toContain("0 values");
  const cells = [...place.querySelectorAll('table[aria-label="Resources"] tbody td')];
  const [, now, , , , , back] = cells.map((cell) => cell.textContent);
  expect([now, back]).toEqual(["not read", "not read"]);
  expect(table(place, "Sizes")).toContain("not read");
});

test("an outlook that was not computed again for long is marked as old", async () => {
  const minutes = (after: number) => new Date(Date.parse(NOW) + after * 60_000).toISOString();
  const { place } = await shown(200, young);
  const bar = place.querySelector("[role=toolbar]");
  await act(async () => setServerNow(minutes(14)));
  expect(bar?.querySelector(".tag")).toBeNull();
  await act(async () => setServerNow(minutes(16)));
  expect(bar?.querySelector(".tag")?.textContent).toBe("old");
});

test("computing anew leaves the focus where it is, is asked for once, and says when it is over", async () => {
  const { place } = await shown(200, young);
  const button = [...place.querySelectorAll("button")].find(
    ({ textContent }) => textContent === "Compute anew",
  );
  const status = place.querySelector("[role=status]");
  const answers: ((answer: Response) => void)[] = [];
  vi.stubGlobal("fetch", () => new Promise<Response>((resolve) => void answers.push(resolve)));
  button?.focus();
  await comes(async () => {
    button?.click();
    await expect.poll(() => button?.getAttribute("aria-disabled"), SOON).toBe("true");
    expect(status?.textContent).toBe("Computing the outlook anew");
    expect(document.activeElement).toBe(button);
    expect(button?.disabled).toBe(false);
    button?.click();
    await expect.poll(() => answers.length, SOON).toBe(1);
    const headers = { "content-type": "application/json" };
    answers[0]?.(new Response(JSON.stringify(young), { status: 200, headers }));
    await expect.poll(() => status?.textContent, SOON).toBe("Computed anew");
    await expect.poll(() => button?.hasAttribute("aria-disabled"), SOON).toBe(false);
  });
  expect(answers).toHaveLength(1);
});
