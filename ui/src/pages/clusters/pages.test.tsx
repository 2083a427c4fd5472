// The pages of clusters: what a row and a page say of what is known, old, not known and
// not told; and what is offered to whom.
import { act } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Cluster } from "../../api/types";
import { button, pass, press, reasonOf } from "../../testing/page";
import { refusal, server } from "../../testing/server";
import { cluster, opened, page, table } from "./clusters.fixture";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function listed(...items: Cluster[]) {
  server(() => ({ body: { items, stale: false, approx_total: items.length } }));
}

const rowOf = (place: Element, name: string) =>
  place.querySelector(`[data-row="${name}"]`)?.textContent ?? "";

test("e13: a row says health, why, version, lag and age; what is not known is no zero", async () => {
  const lost = cluster("lost", {
    health: "unreachable",
    reasons: [{ code: "Unreachable", message: "nobody answers", warning: false }],
    failure: "it did not answer in time",
    reported_at: null,
    capabilities: null,
    watch_lags: [{ kind: "virtualmachines", silent_seconds: null }],
    vm_count: null,
    host_count: null,
  });
  listed(cluster("eu", { stale: true }), lost, cluster("us", { watch_lags: [] }));
  const { place } = await opened("/clusters");
  await pass();
  for (const said of ["healthy", "1.7.0", "2 s", "30", "ago", "stale"]) {
    expect(rowOf(place, "eu")).toContain(said);
  }
  for (const said of [
    "unreachable",
    "it did not answer in time; nobody answers",
    "never heard: virtualmachines",
    "never",
    "—",
  ]) {
    expect(rowOf(place, "lost")).toContain(said);
  }
  expect(rowOf(place, "lost")).not.toMatch(/\b0\b/);
});

test("an empty list says how to add a cluster; a refusal says why there is none", async () => {
  listed();
  const { place } = await opened("/clusters");
  await pass();
  expect(place.textContent).toContain("No clusters yet");
  expect(place.textContent).toContain("hostler cluster add");
  server(() => refusal(500, "internal_error"));
  const other = await opened("/clusters");
  await pass();
  expect(other.place.querySelector("[data-code=internal_error]")).not.toBeNull();
});

test("who may only look is offered nothing, and who may not look asks for nothing", async () => {
  listed(cluster("eu"), cluster("conf", { source: "configuration" }));
  const { place } = await opened("/clusters", ["infra.read"]);
  await pass();
  const off = [...place.querySelectorAll<HTMLButtonElement>("button[aria-disabled=true]")];
  expect(off.map(({ textContent }) => textContent)).toEqual(
    expect.arrayContaining(["Add cluster", "Rotate", "Remove"]),
  );
  expect(await reasonOf(off[0])).toContain("lacks the permission provider.manage");
  const none = await opened("/clusters", []);
  expect(none.place.textContent).toContain("You may not see clusters");
  const manager = await opened("/clusters");
  await pass();
  const remove = (name: string) =>
    manager.place.querySelector<HTMLButtonElement>(`button[aria-label="Remove ${name}"]`);
  expect(remove("eu")?.getAttribute("aria-disabled")).not.toBe("true");
  expect(await reasonOf(remove("conf"))).toBe("it stands in the server's configuration");
});

test("e14: features are on, off or unknown, with why, and are narrowed by text and state", async () => {
  const { place, history } = await page("/clusters/id-eu?tab=features", cluster("eu"));
  expect(table(place, "Features")).toEqual([
    ["GPU", "on", "ga", "done since 1.4 ", "nothing is known"],
    ["Sidecar", "off", "alpha", "its feature gate is off ", "turn its feature gate on"],
    ["VideoConfig", "unknown", "unknown", "nothing is known of it inferred", "nothing is known"],
  ]);
  await press("State: all");
  await act(async () =>
    [...document.querySelectorAll<HTMLElement>("[role=option]")]
      .find(({ textContent }) => textContent === "unknown")
      ?.click(),
  );
  await pass();
  expect(table(place, "Features").map(([name]) => name)).toEqual(["VideoConfig"]);
  expect(history.location.search).toContain("state=unknown");
  expect(place.textContent).toContain("1 of 3 features");
});

test("x17: that no newer version is known is not said where nobody could tell", async () => {
  const told = (value: [] | null, reason: string | null) => {
    const { capabilities } = cluster("eu");
    const upgrades = { value, quality: "ok", source: "kubevirt", observed_at: null, reason };
    return cluster("eu", { capabilities: capabilities && { ...capabilities, upgrades } });
  };
  const none = "No newer version is known here.";
  const newest = await page("/clusters/id-eu?tab=features", told([], null));
  expect(newest.place.textContent).toContain(none);
  const dark = await page("/clusters/id-eu?tab=features", told(null, "the version is not told"));
  expect(dark.place.textContent).toContain("no data: the version is not told");
  expect(dark.place.textContent).not.toContain(none);
});

test("e14: what newer versions would change is told, and where nothing would", async () => {
  const { place } = await page("/clusters/id-eu?tab=features", cluster("eu"));
  expect(place.textContent).toContain("Nothing by an upgrade to 1.8");
  const table = place.querySelector('[aria-label="What an upgrade would change"]');
  expect(table?.textContent).toContain("1.9Sidecaron");
  expect(table?.textContent).toContain("beta is on from 1.9");
});

test("where what it can was not found out, no feature is told", async () => {
  const { place } = await page(
    "/clusters/id-eu?tab=features",
    cluster("eu", { capabilities: null }),
  );
  expect(place.textContent).toContain("no data: what it can could not be found out");
  expect(place.querySelector("table")).toBeNull();
});

test("e16: what a template would need is compared by the server, and what lacks is named", async () => {
  const lacking = cluster("eu", {
    fits: false,
    lacks: [
      { name: "Sidecar", kind: "feature", why: "its feature gate is off", remedy: "turn it on" },
      { name: "fpga", kind: "hardware", why: "nobody told of it", remedy: null },
    ],
  });
  const { place, asked } = await page(
    "/clusters/id-eu?tab=features&features=Sidecar,GPU&hardware=fpga",
    lacking,
  );
  expect(asked.at(-1)).toBe("?features=Sidecar%2CGPU&hardware=fpga");
  expect(place.textContent).toContain("It lacks something of that");
  expect(table(place, "What it lacks")).toEqual([
    ["feature Sidecar", "its feature gate is off", "turn it on"],
    ["hardware fpga", "nobody told of it", "none is known"],
  ]);
});

test("e16: a template is compared by the server, and an upgrade that helps is named", async () => {
  const lacks = [{ name: "Sidecar", kind: "feature", why: "off", remedy: null }];
  const change = { name: "Sidecar", turns_on: true, why: "on from 1.8", inferred: false };
  const upgrades = [{ version: "1.8", changes: [change] }];
  const lacking = cluster("eu", { fits: false, lacks });
  if (lacking.capabilities) lacking.capabilities.upgrades.value = upgrades;
  const { place, asked } = await page("/clusters/id-eu?tab=features&template=t1@2", lacking);
  expect(asked.at(-1)).toBe("?template=t1%402");
  const select = place.querySelector("form.needs select") as HTMLSelectElement;
  expect(select.value).toBe("t1@2");
  const choices = [...select.options].map(({ text }) => text);
  expect(choices).toEqual(["None", "worker, version 2 (active)"]);
  expect(place.textContent).toContain("An upgrade to 1.8 would turn on Sidecar.");
});

test("e16: where it cannot be compared, that is said, and the features stay", async () => {
  vi.stubGlobal("fetch", async (request: Request) => {
    const isCompared = new URL(request.url, "http://localhost").search !== "";
    const { status, body } = isCompared
      ? refusal(400, "query_invalid")
      : { status: 200, body: cluster("eu") };
    const type = isCompared ? "application/problem+json" : "application/json";
    return new Response(JSON.stringify(body), { status, headers: { "content-type": type } });
  });
  const { place } = await opened("/clusters/id-eu?tab=features&features=a,,b");
  await pass();
  expect(place.querySelector("[data-code=query_invalid]")).not.toBeNull();
  expect(table(place, "Features")).toHaveLength(3);
  expect(button("Compare").disabled).toBe(false);
});

test("a cluster that is not there is told as the server says", async () => {
  server(() => refusal(404, "cluster_not_found"));
  const { place } = await opened("/clusters/gone");
  await pass();
  expect(place.querySelector("[data-code=cluster_not_found]")).not.toBeNull();
});
