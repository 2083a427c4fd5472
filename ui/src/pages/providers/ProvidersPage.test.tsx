// Removing a provider says what goes with it: of a cluster that is more than the look at it.
import { QueryClientProvider } from "@tanstack/react-query";
import {
  createMemoryHistory,
  createRootRoute,
  createRoute,
  createRouter,
  RouterProvider,
} from "@tanstack/react-router";
import { act } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { keys, makeQueryClient } from "../../api/query";
import type { Session } from "../../api/types";
import { listSearch } from "../../lib/search";
import { dialog, pass } from "../../testing/page";
import { rendered } from "../../testing/rendered";
import { server } from "../../testing/server";
import ProvidersPage from "./ProvidersPage";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function removing(name: string): Promise<HTMLElement> {
  const provider = (of: string, groups: string[]) => ({
    id: `id-${of}`,
    name: of,
    kind: "kubevirt",
    uri: "https://10.0.0.1",
    state: "healthy",
    simulated: false,
    from_config: false,
    groups,
  });
  const items = [provider("eu", ["power", "cluster"]), provider("lab", ["power"])];
  server(() => ({ body: { items, stale: false } }));
  const queries = makeQueryClient();
  const session: Partial<Session> = { actor: "a", role: "r", permissions: ["provider.manage"] };
  queries.setQueryData(keys.session, session as Session);
  const root = createRootRoute();
  const at = () => root;
  const routeTree = root.addChildren([
    createRoute({
      getParentRoute: at,
      path: "/providers",
      validateSearch: listSearch,
      component: ProvidersPage,
    }),
    createRoute({ getParentRoute: at, path: "/clusters/$clusterId" }),
    createRoute({ getParentRoute: at, path: "/vms" }),
  ]);
  const history = createMemoryHistory({ initialEntries: ["/providers"] });
  const router = createRouter({ routeTree, history });
  await router.load();
  const { place } = await rendered(
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>,
  );
  await pass();
  await act(async () =>
    place.querySelector<HTMLElement>(`button[aria-label="Remove ${name}"]`)?.click(),
  );
  return dialog();
}

test("e13: of a cluster the kubeconfig goes, too, and the way to its page is there", async () => {
  const asked = await removing("eu");
  expect(asked.textContent).toContain("forgets for good its kubeconfig");
  expect(asked.querySelector("a")?.getAttribute("href")).toBe("/clusters/id-eu");
});

test("of any other provider nothing but the look at it", async () => {
  const asked = await removing("lab");
  expect(asked.textContent).toContain("Hostler only stops looking at it");
  expect(asked.textContent).not.toContain("kubeconfig");
});
