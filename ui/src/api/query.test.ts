// What is kept as a file is read for it, whatever a list in the cache says.
import { QueryClient } from "@tanstack/react-query";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { keys, listQuery, readWhole } from "./query";

const PARAMS = { sort: "name", filter: "state=running" };
const asked: URLSearchParams[] = [];
/** What the server has, page by page; its cursors count them. */
let pages: string[][] = [];

beforeEach(() => {
  asked.length = 0;
  vi.stubGlobal("fetch", async (request: Request) => {
    const { searchParams } = new URL(request.url, "https://localhost");
    asked.push(searchParams);
    const at = Number(searchParams.get("cursor") ?? 0);
    const page = {
      items: pages[at]?.map((id) => ({ id })),
      next_cursor: at + 1 < pages.length ? String(at + 1) : null,
      stale: false,
    };
    return new Response(JSON.stringify(page), { headers: { "content-type": "application/json" } });
  });
});

afterEach(() => vi.unstubAllGlobals());

const ids = (rows: readonly { id: string }[]) => rows.map((row) => row.id);

test("every row is read anew, page by page, and no cached one is taken for it", async () => {
  const queries = new QueryClient();
  pages = [["1", "2"]];
  const { queryKey } = listQuery("vms", PARAMS);
  await queries.fetchInfiniteQuery(listQuery("vms", PARAMS));
  // VM 1 stopped meanwhile; nothing told this page yet.
  pages = [["2"], ["3"], ["4"]];
  asked.length = 0;
  expect(ids(await readWhole(queries, "vms", PARAMS))).toEqual(["2", "3", "4"]);
  expect(asked.map((query) => query.get("cursor"))).toEqual([null, "1", "2"]);
  expect(asked.map((query) => query.get("filter"))).toEqual(Array(3).fill("state=running"));
  // The list in view is its own: more of it is read when somebody scrolls there.
  expect(queries.getQueryData<{ pages: object[] }>(queryKey)?.pages).toHaveLength(1);
});

test("a second time it is read a second time", async () => {
  const queries = new QueryClient();
  pages = [["1"]];
  await readWhole(queries, "vms", PARAMS);
  pages = [["2"]];
  expect(ids(await readWhole(queries, "vms", PARAMS))).toEqual(["2"]);
  expect(queries.getQueryCache().findAll({ queryKey: keys.lists("vms") })).toEqual([]);
});
