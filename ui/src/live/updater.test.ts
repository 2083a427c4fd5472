// How events become reads: few, together, and none for what nobody shows.
import { QueryClient } from "@tanstack/react-query";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { keys, listQuery } from "../api/query";
import type { HostlerEvent, Page, VmSummary } from "../api/types";
import { CacheUpdater } from "./updater";

const asked: string[] = [];
let state = "running";
let seq = 0;

function summary(id: string): VmSummary {
  return { id, name: `vm-${id}`, status: { state, quality: "ok" } } as unknown as VmSummary;
}

function answer(path: string): unknown {
  const id = /\/vms\/(\d+)$/.exec(path)?.[1];
  if (id) return summary(id);
  return { items: [summary("1"), summary("2")], next_cursor: null, stale: false };
}

function changed(id: string, type = "vm.state"): HostlerEvent {
  seq += 1;
  return { seq, type, resource: { kind: "vm", id } } as unknown as HostlerEvent;
}

beforeEach(() => {
  vi.useFakeTimers();
  state = "running";
  vi.stubGlobal("fetch", async (request: Request) => {
    const { pathname } = new URL(request.url, "http://localhost");
    asked.push(pathname);
    return new Response(JSON.stringify(answer(pathname)), {
      headers: { "content-type": "application/json" },
    });
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function withList(sort: string) {
  const queries = new QueryClient();
  const query = listQuery("vms", { sort });
  await queries.fetchInfiniteQuery(query);
  asked.length = 0;
  const updater = new CacheUpdater(queries);
  const states = () =>
    queries
      .getQueryData<{ pages: Page<VmSummary>[] }>(query.queryKey)
      ?.pages.flatMap((page) => page.items.map((row) => row.status.state));
  return { queries, updater, states };
}

test("c5c: changed VMs are read one by one, and the rows change once, without the list", async () => {
  const { queries, updater, states } = await withList("name");
  let changes = 0;
  queries.getQueryCache().subscribe(({ type, query }) => {
    if (type === "updated" && query.queryKey[1] === "vms" && query.queryKey[0] === "list") {
      changes += 1;
    }
  });
  state = "paused";
  updater.event(changed("1"));
  updater.event(changed("2"));
  updater.event(changed("1"));
  await vi.advanceTimersByTimeAsync(5_000);
  expect(asked.sort()).toEqual(["/api/v1/vms/1", "/api/v1/vms/2"]);
  expect(states()).toEqual(["paused", "paused"]);
  expect(changes).toBe(1);
  updater.stop();
});

test("many changed VMs are one read of the list", async () => {
  const { updater, queries } = await withList("name");
  for (let id = 0; id < 50; id += 1) updater.event(changed(String(id)));
  await vi.advanceTimersByTimeAsync(400);
  expect(asked).toEqual([]);
  expect(queries.getQueryState(keys.list("vms", { sort: "name" }))?.isInvalidated).toBe(true);
  updater.stop();
});

test("a list sorted by what changed is read again", async () => {
  const { updater, queries } = await withList("state");
  state = "paused";
  updater.event(changed("1"));
  await vi.advanceTimersByTimeAsync(5_000);
  expect(queries.getQueryState(keys.list("vms", { sort: "state" }))?.isInvalidated).toBe(true);
  updater.stop();
});

test("e18: the list of what waits is read again where it shows the VM that changed", async () => {
  const { updater, queries } = await withList("name");
  const key = keys.list("adoptions", {});
  const page = { items: [{ vm: { id: "1", name: "vm-1" }, state }], stale: false };
  const isOld = () => queries.getQueryState(key)?.isInvalidated;
  queries.setQueryData(key, { pages: [page], pageParams: [undefined] });
  updater.event(changed("2"));
  await vi.advanceTimersByTimeAsync(5_000);
  expect(isOld()).toBe(false);
  updater.event(changed("1"));
  await vi.advanceTimersByTimeAsync(5_000);
  expect(isOld()).toBe(true);
  queries.setQueryData(key, { pages: [page], pageParams: [undefined] });
  updater.event(changed("3", "vm.found"));
  await vi.advanceTimersByTimeAsync(5_000);
  expect(isOld()).toBe(true);
  updater.stop();
});

test("a change that comes while the list is being read is not lost", async () => {
  const { updater, states, queries } = await withList("name");
  let answerList = (_answer: Response) => {};
  const listAnswer = JSON.stringify(answer("/api/v1/vms"));
  const usual = globalThis.fetch;
  vi.stubGlobal("fetch", (request: Request) =>
    new URL(request.url, "http://localhost").pathname === "/api/v1/vms"
      ? new Promise<Response>((resolve) => {
          answerList = resolve;
        })
      : usual(request),
  );
  const reading = queries.refetchQueries({ queryKey: keys.lists("vms") });
  await vi.advanceTimersByTimeAsync(10);
  state = "paused";
  updater.event(changed("1"));
  await vi.advanceTimersByTimeAsync(1_000);
  // The answer tells of the time before.
  answerList(new Response(listAnswer, { headers: { "content-type": "application/json" } }));
  await vi.advanceTimersByTimeAsync(1_000);
  await reading;
  expect(states()?.[0]).toBe("paused");
  updater.stop();
});
