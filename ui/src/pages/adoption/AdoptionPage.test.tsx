// The list of VMs that were made elsewhere: what is asked for, what a row says, and what
// is offered to whom.
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
import { keys, makeQueryClient } from "../../api/query";
import type { PendingAdoption, Session } from "../../api/types";
import { adoptionSearch } from "../../lib/search";
import { rendered } from "../../testing/rendered";
import AdoptionPage from "./AdoptionPage";
import { pending } from "./adoption.fixture";

afterEach(() => vi.unstubAllGlobals());

/** The page at an address, for somebody with these permissions; the table has room for rows. */
async function opened(at: string, rows: PendingAdoption[], permissions = ["vm.adopt"]) {
  const asked: (string | null)[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    const { searchParams } = new URL(request.url, "http://localhost");
    asked.push(searchParams.get("filter"));
    return new Response(JSON.stringify({ items: rows, stale: false, approx_total: rows.length }), {
      headers: { "content-type": "application/json" },
    });
  });
  const queries = makeQueryClient();
  const session: Partial<Session> = { actor: "token:ci", role: "reader", permissions };
  queries.setQueryData(keys.session, session as Session);
  const root = createRootRoute();
  const page = createRoute({
    getParentRoute: () => root,
    path: "/adoption",
    validateSearch: adoptionSearch,
    component: AdoptionPage,
  });
  const history = createMemoryHistory({ initialEntries: [at] });
  const router = createRouter({ routeTree: root.addChildren([page]), history });
  await router.load();
  const { place } = await rendered(
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>,
  );
  await act(async () => {
    await vi.waitFor(() => expect(place.textContent).not.toContain("Reading"));
  });
  return { place, asked, history };
}

const rowOf = (place: Element, name: string) =>
  place.querySelector(`[data-row="${name}"]`)?.textContent ?? "";

test("e20: what waits is asked for first; what is left alone says who and why", async () => {
  const ignored = { by: "local:ann", at: "2026-11-22T06:00:00Z", reason: "not ours" };
  const rows = [
    pending("web", { cpu_count: 2, memory_bytes: 2 ** 31, host: { id: "h", name: "h1" } }),
    pending("router", { status: "ignored", ignored, origin: "lost" }),
  ];
  const { place, asked, history } = await opened("/adoption", rows);
  expect(asked).toEqual(["status=pending"]);
  expect(place.textContent).toContain("2 VMs waiting");
  for (const said of ["foreign", "none known", "running", "h1", "2 GiB"]) {
    expect(rowOf(place, "web")).toContain(said);
  }
  await act(async () => place.querySelector<HTMLElement>("#adoption-ignored")?.click());
  await act(async () => {
    await vi.waitFor(() => expect(asked.at(-1)).toBe("status=ignored"));
  });
  expect(rowOf(place, "web")).toContain("waits");
  expect(rowOf(place, "router")).toContain("left alonelocal:ann: not ours");
  expect(history.location.search).toBe("?show=ignored");
});

test("e19: what was adopted says who, when and why, and is let go from here", async () => {
  const adopted = { by: "local:ann", at: "2026-11-22T06:00:00Z", read_only: true, reason: "moved" };
  const rows = [pending("web", { status: "adopted", adopted, adoptable: false })];
  const { place, asked } = await opened("/adoption?show=adopted", rows);
  expect(asked).toEqual(["status=adopted"]);
  expect(place.textContent).toContain("1 adopted VM");
  expect(rowOf(place, "web")).toContain("read onlylocal:ann: moved");
  const hover = [...place.querySelectorAll("[data-row] [title]")].map((it) =>
    it.getAttribute("title"),
  );
  expect(hover.find((it) => it?.includes("by local:ann"))).toContain("2026-11-22T06:00:00Z");
  // What was to be known before is of no interest any more, and nothing is decided about many.
  expect(place.querySelector("[data-row] button.in-row, [data-row] input")).toBeNull();
  await act(async () => place.querySelector<HTMLElement>(".kebab")?.click());
  const items = [...document.querySelectorAll<HTMLElement>("[role=menuitem]")];
  expect(items.map((it) => it.textContent)).toEqual(["Release …"]);
  await act(async () => items[0]?.click());
  expect(document.querySelector("[role=dialog]")?.textContent).toContain("Release web?");
});

test("x30: risks are counted in the row, and one by one beside it", async () => {
  const risks = [
    { code: "emulated", detail: "it runs emulated", forbids: false },
    { code: "not_read", detail: "it could not be read yet", forbids: true },
  ];
  const belongs = {
    namespace: "prod",
    governance: { system: "shop", service: "carts", instance: "carts-7" },
    external_ref: "0f3c6f4e-uid",
  };
  const row = pending("web", { risks, adoptable: false, ...belongs });
  const { place } = await opened("/adoption", [row]);
  expect(rowOf(place, "web")).toContain("2 risks, 1 forbids");
  await act(async () => place.querySelector<HTMLElement>("[data-row] button.in-row")?.click());
  const text = document.querySelector("[role=dialog]")?.textContent;
  expect(text).toContain("What to know of web");
  expect(text).toContain("it runs emulated");
  expect(text).toContain("it could not be read yet");
  // Which VM it is stands there too (E19).
  for (const said of [
    "Namespaceprod",
    "Systemshop",
    "Servicecarts",
    "Instancecarts-7",
    "0f3c6f4e-uid",
  ]) {
    expect(text).toContain(said);
  }
});

test("x31: ticked VMs are decided about; nothing is offered to who may only look", async () => {
  const may = await opened("/adoption", [pending("web")]);
  await act(async () => may.place.querySelector<HTMLElement>("[data-row] input")?.click());
  const bar = may.place.querySelector("[role=toolbar]");
  expect([...(bar?.querySelectorAll("button") ?? [])].map((it) => it.textContent)).toEqual([
    "Adopt",
    "Adopt for reading only",
    "Leave alone",
    "Clear selection",
  ]);
  expect(may.place.querySelector(".kebab")).not.toBeNull();
  const { place } = await opened("/adoption", [pending("web")], ["vm.read"]);
  expect(rowOf(place, "web")).toContain("foreign");
  expect(place.querySelector("[data-row] input, .kebab")).toBeNull();
  expect(place.textContent).toContain("lacks the permission vm.adopt");
});

test("an empty list says what would stand there", async () => {
  const { place } = await opened("/adoption", []);
  expect(place.textContent).toContain("No VMs waiting yet");
  expect(place.textContent).toContain("nothing of a VM changes by either");
  const other = await opened("/adoption?show=ignored", []);
  expect(other.place.textContent).toContain("who, when and why");
  const third = await opened("/adoption?show=adopted", []);
  expect(third.place.textContent).toContain("they can be let go again");
});
