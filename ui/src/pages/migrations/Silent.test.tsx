// Which providers did not tell their migrations.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { pass, shown } from "../../testing/page";
import { server } from "../../testing/server";
import { Silent } from "./Silent";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("each that is silent is named with its reason", async () => {
  server(() => ({ body: { items: [], stale: false, next_cursor: null } }));
  const silent = [
    { provider: { id: "p1", name: "eu" }, reason: "it did not answer in 30 s" },
    { provider: { id: "p2", name: "us" }, reason: "grant list" },
  ];
  const { place } = await shown(<Silent providers={silent} />);
  await pass();
  expect(place.textContent).toBe(
    "These do not answer; of their migrations there is what was kept: eu (it did not answer in 30 s); us (grant list)",
  );
});
