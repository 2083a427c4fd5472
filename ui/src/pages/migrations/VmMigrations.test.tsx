// What is told of migrations, and what is not.
import {
  createMemoryHistory,
  createRootRoute,
  createRouter,
  RouterProvider,
} from "@tanstack/react-router";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Migration } from "../../api/types";
import { pass, shown } from "../../testing/page";
import { refusal, server } from "../../testing/server";
import { known, untold } from "../vms/vm/snapshots/snapshots.fixture";
import { VmMigrations } from "./VmMigrations";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function migration(id: string, part: Partial<Migration> = {}): Migration {
  return {
    id,
    told_by: "provider",
    vm: { id: "1", name: "web" },
    provider: { id: "p", name: "eu" },
    phase: "copying",
    phase_said: "Running",
    source: { id: "h1", name: "alpha" },
    target: null,
    bytes_done: known(2 ** 30),
    bytes_total: known(2 ** 31),
    cancel_requested: false,
    observed_at: "2026-11-22T06:00:00Z",
    simulated: false,
    ...part,
  };
}

async function told(items: Migration[]) {
  server(() => ({ body: { items, stale: false, next_cursor: null } }));
  return drawn();
}

async function drawn() {
  const root = createRootRoute({ component: () => <VmMigrations vm="1" /> });
  const history = createMemoryHistory({ initialEntries: ["/"] });
  const router = createRouter({ routeTree: root, history });
  await router.load();
  const { place } = await shown(<RouterProvider router={router as never} />);
  await pass();
  const rows = [...place.querySelectorAll("[data-row]")].map((row) => row.textContent ?? "");
  return { rows, text: place.textContent };
}

test("one under way, one that failed, one of somebody else", async () => {
  const { rows } = await told([
    migration("a", { operation: "0192d0c4-7d5a", cancel_requested: true }),
    migration("b", {
      phase: "failed",
      reason: "the target has no room",
      ended_at: "2026-11-22T05:00:00Z",
      target: { id: "h2", name: "beta" },
      bytes_done: untold("its API does not tell"),
    }),
    migration("c", { phase: "failed" }),
  ]);
  for (const said of ["copying", "is to be ended", "alpha", "1 GiB of 2 GiB", "not yet"]) {
    expect(rows[0]).toContain(said);
  }
  expect(rows[0]).toContain("operation 0192d0c4");
  for (const said of ["failed", "beta", "the target has no room", "its API does not tell"]) {
    expect(rows[1]).toContain(said);
  }
  expect(rows[1]).toContain("somebody else");
  expect(rows[2]).toContain("no data: no reason was told");
});

test("none remembered is not the same as none told", async () => {
  expect((await told([])).text).toContain("remembers no migration of it");
  // Its provider does not answer: what was kept stands there with its time, or nothing does.
  const silent = [{ provider: { id: "p", name: "eu" }, reason: "no answer" }];
  for (const items of [[], [migration("a", { phase: "succeeded", told_by: "history" })]]) {
    server(() => ({ body: { items, silent, stale: true, next_cursor: null } }));
    const { rows, text } = await drawn();
    expect(text).toContain("there is what was kept: eu (no answer)");
    expect(text).not.toContain("remembers no migration");
    expect(rows.filter((row) => row.includes("kept, seen"))).toHaveLength(items.length);
  }
  server(() => refusal(503, "provider_unavailable"));
  const { text } = await drawn();
  expect(text).toContain("Cannot read migrations");
  expect(text).not.toContain("remembers no migration");
  // Where it cannot be done, nothing is wrong, and nothing is said of what was.
  server(() => refusal(422, "capability_missing"));
  const never = await drawn();
  expect(never.text).toContain("its provider does not migrate VMs");
  expect(never.text).not.toContain("Cannot read migrations");
});
