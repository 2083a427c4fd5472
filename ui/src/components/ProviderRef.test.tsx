// Where a VM is: a cluster leads to its page, another provider is only named.
import { QueryClientProvider } from "@tanstack/react-query";
import {
  createMemoryHistory,
  createRootRoute,
  createRouter,
  RouterProvider,
} from "@tanstack/react-router";
import { act } from "react";
import { afterEach, expect, test, vi } from "vitest";
import { keys, makeQueryClient } from "../api/query";
import type { Session } from "../api/types";
import { rendered } from "../testing/rendered";
import { ProviderRef } from "./ProviderRef";

afterEach(() => vi.unstubAllGlobals());

/** The provider `7`, where the list of clusters holds these ids. */
async function shown(clusters: string[], permissions = ["infra.read"]) {
  const asked: (string | null)[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    asked.push(new URL(request.url, "http://localhost").searchParams.get("filter"));
    const items = clusters.map((id) => ({ id }));
    return new Response(JSON.stringify({ items, stale: false }), {
      headers: { "content-type": "application/json" },
    });
  });
  const queries = makeQueryClient();
  const session: Partial<Session> = { actor: "token:ci", role: "reader", permissions };
  queries.setQueryData(keys.session, session as Session);
  const routeTree = createRootRoute({
    component: () => <ProviderRef provider={{ id: "7", name: "edge" }} />,
  });
  const router = createRouter({ routeTree, history: createMemoryHistory() });
  await router.load();
  const { place } = await rendered(
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>,
  );
  await act(async () => {
    await vi.waitFor(() => expect(queries.isFetching()).toBe(0));
  });
  return { place, asked };
}

test("a VM in a cluster leads there", async () => {
  const { place, asked } = await shown(["7"]);
  expect(asked).toEqual(["id=7"]);
  expect(place.textContent).toBe("edge, a cluster");
  expect(place.querySelector("a")?.getAttribute("href")).toBe("/clusters/7");
});

test("another provider is named, and who may not read is asked nothing for", async () => {
  const other = await shown([]);
  expect(other.place.textContent).toBe("edge");
  expect(other.place.querySelector("a")).toBeNull();
  const { place, asked } = await shown(["7"], []);
  expect(place.textContent).toBe("edge");
  expect(asked).toEqual([]);
});
