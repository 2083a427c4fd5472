// How far an outlook looks ahead stands in the URL of the page that it is a tab of.
import { QueryClientProvider } from "@tanstack/react-query";
import {
  createMemoryHistory,
  createRootRoute,
  createRoute,
  createRouter,
  RouterProvider,
} from "@tanstack/react-router";
import { act } from "react";
import { afterEach, expect, test, vi } from "vitest";
import type { OutlookOf } from "../../api/outlook";
import { makeQueryClient } from "../../api/query";
import { hostSearch, poolSearch, type RawSearch, rootSearch, vmSearch } from "../../lib/search";
import { rendered } from "../../testing/rendered";
import { OutlookTab } from "./OutlookTab";

afterEach(() => vi.unstubAllGlobals());

/** The tab at an address, on a site that has no other pages; one came to it from another. */
async function opened(of: OutlookOf, path: string, search: (raw: RawSearch) => object, at: string) {
  // What the server says is another test's matter: it says nothing.
  vi.stubGlobal("fetch", () => new Promise(() => {}));
  const root = createRootRoute({ validateSearch: rootSearch });
  const page = createRoute({
    getParentRoute: () => root,
    path,
    validateSearch: search,
    component: () => <OutlookTab of={of} id="1" />,
  });
  const history = createMemoryHistory({ initialEntries: ["/before", at], initialIndex: 1 });
  const router = createRouter({ routeTree: root.addChildren([page]), history });
  await router.load();
  const { place } = await rendered(
    <QueryClientProvider client={makeQueryClient()}>
      <RouterProvider router={router} />
    </QueryClientProvider>,
  );
  const button = (word: string) => place.querySelector<HTMLElement>(`#horizon-${word}`);
  return { history, button };
}

test.each([
  ["vms", "/vms/$vmId", vmSearch, "/vms/1"],
  ["hosts", "/hosts/$hostId", hostSearch, "/hosts/1"],
  ["pools", "/storage/$poolId", poolSearch, "/storage/1"],
] as const)("of one of the %s it is read there and written there", async (of, path, search, at) => {
  const shown = `${at}?tab=outlook&ops=true&horizon=30d`;
  const { history, button } = await opened(of, path, search, shown);
  expect(button("30d")?.getAttribute("aria-pressed")).toBe("true");
  await act(async () => button("90d")?.click());
  // On the same page, with what belongs to it.
  const { pathname, search: query } = new URL(history.location.href, "https://localhost");
  expect(pathname).toBe(at);
  expect(Object.fromEntries(new URLSearchParams(query))).toEqual({
    tab: "outlook",
    ops: "true",
    horizon: "90d",
  });
  expect(button("90d")?.getAttribute("aria-pressed")).toBe("true");
  // In place of the one before, so that the way back leads out of here.
  expect(history.length).toBe(2);
});

test("times of charts are none of its own", async () => {
  const { history, button } = await opened("vms", "/vms/$vmId", vmSearch, "/vms/1?range=1h");
  await act(async () => button("1d")?.click());
  expect(history.location.search).toBe("?horizon=1d");
});
