// A dialog goes on with what it shows, whatever becomes of the list that it was opened from.
import { type QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { afterEach, expect, test, vi } from "vitest";
import { makeQueryClient } from "../../api/query";
import type { Agent } from "../../api/types";
import { rendered } from "../../testing/rendered";
import { NewestAgent } from "./AgentDialog";

afterEach(() => vi.unstubAllGlobals());

const clicked: Agent = {
  name: "h1",
  kind: "agent",
  address: "https://h1:9177",
  state: "ok",
  joined: "alone",
  interval_seconds: 5,
  sources: [],
  left_out: {},
};
const reason = "nobody answers at https://h1:9177";
const unreachable: Agent = { ...clicked, state: "unreachable", reason };

/** A dialog over a server that answers as it is told to, and what that was asked. */
async function opened(items: Agent[]) {
  const answer = { status: 200, body: page(items) as object };
  const asked: URLSearchParams[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    asked.push(new URL(request.url, "https://localhost").searchParams);
    const headers = { "content-type": "application/json" };
    return new Response(JSON.stringify(answer.body), { status: answer.status, headers });
  });
  const queries = makeQueryClient();
  await rendered(
    <QueryClientProvider client={queries}>
      <NewestAgent agent={clicked} onClose={() => {}} />
    </QueryClientProvider>,
  );
  return { answer, asked, queries };
}

function page(items: Agent[]) {
  return { items, observed_at: "2026-11-22T00:00:00Z", stale: false, approx_total: items.length };
}

function dialog(): string {
  return document.querySelector("[role=dialog]")?.textContent ?? "";
}

/** Waits for a text. What comes of an answer comes by itself, which React is told is meant so. */
async function comes(text: string, again?: QueryClient): Promise<void> {
  const react = globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean };
  react.IS_REACT_ACT_ENVIRONMENT = false;
  void again?.refetchQueries();
  await expect.poll(dialog, { timeout: 30_000 }).toContain(text);
  react.IS_REACT_ACT_ENVIRONMENT = true;
}

test("x17: an agent that is no more what the list was narrowed to is told as it is", async () => {
  const { asked } = await opened([unreachable]);
  await comes(reason);
  expect(asked.map((terms) => terms.get("filter"))).toEqual(["name=h1"]);
  expect(document.querySelector("[data-old]")).toBeNull();
});

test("x17: one that is gone is told as it was last seen, and that it was then", async () => {
  const { answer, queries } = await opened([unreachable]);
  await comes(reason);
  answer.body = page([]);
  await comes("It is not in the list any more", queries);
  // Not as it was clicked.
  expect(dialog()).toContain(reason);
  expect(dialog()).toMatch(/as it was last seen, \d+ \w+ ago/);
});

test("x17: while it cannot be read, that is said, and then no more", async () => {
  const { answer, queries } = await opened([unreachable]);
  await comes(reason);
  answer.status = 403;
  answer.body = { code: "permission_denied", title: "you may not do this" };
  await comes("It cannot be read now", queries);
  expect(dialog()).toContain(reason);
  answer.status = 200;
  answer.body = page([{ ...unreachable, reason: "it does not take the token" }]);
  await comes("it does not take the token", queries);
  expect(document.querySelector("[data-old]")).toBeNull();
});
