// An operation that was just taken on is seen at once, and only where it belongs.
import { type InfiniteData, QueryClient } from "@tanstack/react-query";
import { expect, test } from "vitest";
import { keepOperation } from "./operations";
import { keys, type ListParams } from "./query";
import type { Operation, Page } from "./types";

function operation(id: string, state = "queued"): Operation {
  return { id, state, kind: "vm.start", resources: [] } as unknown as Operation;
}

/** The ids and states that a list with `params` and operation 1 shows once `kept` is known. */
function listAfter(params: ListParams, kept: Operation): string[] {
  const queries = new QueryClient();
  const key = keys.list("operations", params);
  const page = { items: [operation("1")], next_cursor: null, stale: false };
  queries.setQueryData(key, { pages: [page], pageParams: [undefined] });
  keepOperation(queries, kept);
  const list = queries.getQueryData<InfiniteData<Page<Operation>>>(key);
  return list?.pages.flatMap(({ items }) => items.map(({ id, state }) => `${id} ${state}`)) ?? [];
}

test.each<ListParams>([{}, { search: undefined, filter: undefined }, { sort: "-created_at" }])(
  "a new one stands at the top of a list of all: %o",
  (params) => {
    expect(listAfter(params, operation("2"))).toEqual(["2 queued", "1 queued"]);
  },
);

test.each<ListParams>([
  { filter: "state=failed" },
  { filter: "vm=7" },
  { search: "web" },
  { sort: "created_at" },
])("a new one is put into no list that may not have it there: %o", (params) => {
  expect(listAfter(params, operation("2"))).toEqual(["1 queued"]);
});

test.each<ListParams>([{}, { filter: "vm=7" }])(
  "one that is there is brought up to date: %o",
  (params) => {
    expect(listAfter(params, operation("1", "running"))).toEqual(["1 running"]);
  },
);
