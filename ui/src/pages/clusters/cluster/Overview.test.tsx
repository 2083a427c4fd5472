// The first tab of a cluster: why it is as it is, how far behind what is known may be, and how
// it is reached.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { cluster, page, table } from "../clusters.fixture";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("e13: a page gives every reason with its code, and each kind's lag", async () => {
  const { place } = await page(
    "/clusters/id-eu",
    cluster("eu", {
      health: "unhealthy",
      stale: true,
      failure: "it did not answer in time",
      reasons: [
        { code: "RightsMissing", message: "may not list nodes", warning: false },
        { code: "Old", message: "1.2 is old", warning: true },
      ],
      watch_lags: [
        { kind: "virtualmachines", silent_seconds: 2, stale_since: null },
        { kind: "nodes", silent_seconds: null, stale_since: "2026-11-22T05:00:00Z" },
      ],
      storage_classes: null,
    }),
  );
  const text = place.textContent ?? "";
  for (const said of ["in the way may not list nodes RightsMissing", "to notice 1.2 is old Old"]) {
    expect(text).toContain(said);
  }
  expect(text).toContain("Asking it again did not end well: it did not answer in time");
  expect(text).toContain("too long ago to rely on");
  expect(text).toContain("no data: they could not be read");
  const lags = table(place, "How far behind");
  expect(lags[0]).toEqual(["virtualmachines", "2 s", "no, it is followed"]);
  expect(place.textContent).toMatch(/as told .* ago; silences are as of then/);
  expect(lags[1]?.[1]).toBe("never heard");
  expect(lags[1]?.[2]).toMatch(/^for .*, read anew$/);
  expect(table(place, "Hardware")).toEqual([
    ["kvm", "yes", "3", "allocatable of 3 nodes "],
    ["fpga", "unknown", "— nobody looked", "nobody "],
  ]);
});

test("x28: a kind that was never listed is not followed yet, and no report is no time", async () => {
  const { place } = await page(
    "/clusters/id-eu",
    cluster("eu", {
      reported_at: null,
      failure: "it did not answer in time",
      watch_lags: [{ kind: "nodes", silent_seconds: null, stale_since: null }],
    }),
  );
  expect(table(place, "How far behind")).toEqual([["nodes", "never heard", "not followed yet"]]);
  expect(place.textContent).toContain("Nothing is known of it yet.");
  expect(place.textContent).not.toContain("What is shown is from before");
  expect(place.textContent).not.toContain("silences are as of then");
});

test("how a kubeconfig is used is told, and where there is none, nothing of it", async () => {
  const facts = (place: Element) =>
    [...place.querySelectorAll(".pf-v6-c-description-list__group")].map(
      ({ textContent }) => textContent,
    );
  const { place } = await page("/clusters/id-eu", cluster("eu"));
  expect(facts(place)).toEqual(
    expect.arrayContaining([
      "Given byits kubeconfig",
      "Serverhttps://10.0.0.1:6443",
      "Contextadmin",
      "Namespacesshop, bank",
      "Runs a commandno",
      expect.stringMatching(/^Kubeconfiggiven .* ago by user:ada$/),
    ]),
  );
  const { kubeconfig } = cluster("eu");
  const whole = kubeconfig && { ...kubeconfig, namespaces: null, allow_exec: true };
  const other = await page("/clusters/id-eu", cluster("eu", { kubeconfig: whole }));
  expect(facts(other.place)).toEqual(
    expect.arrayContaining(["Namespacesall", "Runs a commandyes, for its credentials"]),
  );
  const none = await page(
    "/clusters/id-eu",
    cluster("eu", { source: "address", kubeconfig: null }),
  );
  expect(facts(none.place).join()).not.toContain("Context");
});
