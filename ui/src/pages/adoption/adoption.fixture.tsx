// For tests of adoption: a server that answers as told, and what is in a dialog.
import { QueryClientProvider } from "@tanstack/react-query";
import { act, type ReactNode } from "react";
import { vi } from "vitest";
import { keys, makeQueryClient } from "../../api/query";
import type { AdoptionRisk, PendingAdoption, Session } from "../../api/types";
import { rendered } from "../../rendered";

export interface Asked {
  path: string;
  body: unknown;
}

type Answer = (asked: Asked) => { status?: number; body?: unknown };

/** Takes the server's place; gives what it is asked for, besides reads. */
export function server(answer: Answer): Asked[] {
  const all: Asked[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const text = await request.text();
    const asked = { path: pathname, body: text ? JSON.parse(text) : undefined };
    if (request.method !== "GET") all.push(asked);
    const { status = 200, body } = answer(asked);
    return new Response(body === undefined ? null : JSON.stringify(body), {
      status,
      headers: { "content-type": status < 400 ? "application/json" : "application/problem+json" },
    });
  });
  return all;
}

export function refusal(status: number, code: string, errors: object[] = []) {
  const problem = { type: `/problems/${code}`, title: `${code} title`, status, code, errors };
  return { status, body: { ...problem, detail: `${code} detail`, help: "", retryable: false } };
}

export function pending(name: string, part: Partial<PendingAdoption> = {}): PendingAdoption {
  return {
    vm: { id: `id-${name}`, name },
    status: "pending",
    origin: "foreign",
    state: "running",
    first_seen_at: "2026-11-22T06:00:00Z",
    simulated: true,
    adoptable: true,
    risks: [],
    ...part,
  };
}

/** What the server says that it would write down. */
export function planned(name: string, risks: AdoptionRisk[] = []) {
  const spec = {
    name,
    project: "default",
    cpu: { count: 2, max_count: 4 },
    memory: { bytes: 2 ** 31 },
    firmware: { kind: "uefi" },
    machine: { kind: "pc-q35-7.2" },
    autostart: true,
  };
  return { adoptable: !risks.some(({ forbids }) => forbids), spec, risks };
}

/** Shows `node` to somebody with these permissions. */
export async function shown(node: ReactNode, permissions: string[] = ["vm.adopt"]) {
  const queries = makeQueryClient();
  const session: Partial<Session> = { actor: "token:ci", role: "reader", permissions };
  queries.setQueryData(keys.session, session as Session);
  const { place, show } = await rendered(
    <QueryClientProvider client={queries}>{node}</QueryClientProvider>,
  );
  return {
    queries,
    place,
    again: (next: ReactNode) =>
      show(<QueryClientProvider client={queries}>{next}</QueryClientProvider>),
  };
}

/** Lets time go by, and all that waits for it: what is shown changes step by step. */
export async function pass(): Promise<void> {
  for (let step = 0; step < 10; step += 1) {
    await act(async () => {
      await vi.advanceTimersByTimeAsync(100);
    });
  }
}

export function dialog(): HTMLElement {
  const found = document.querySelector<HTMLElement>("[role=dialog]");
  if (!found) throw new Error("there is no dialog");
  return found;
}

export function button(text: string): HTMLButtonElement {
  const found = [...document.querySelectorAll("button")].find(
    ({ textContent }) => textContent === text,
  );
  if (!found) throw new Error(`there is no button ${text}`);
  return found;
}

/** The group of a field by the beginning of its label. */
function group(label: string): Element {
  const found = [...document.querySelectorAll("[role=dialog] .pf-v6-c-form__group")].find((it) =>
    it.textContent?.startsWith(label),
  );
  if (!found) throw new Error(`there is no field ${label}`);
  return found;
}

export function field(label: string): HTMLInputElement {
  const found = group(label).querySelector("input");
  if (!found) throw new Error(`${label} is no field`);
  return found;
}

/** What stands below a field, where it is a fault. */
export function faultAt(label: string): string | undefined {
  const item = group(label).querySelector(".pf-m-error .pf-v6-c-helper-text__item-text");
  // What follows is for screen readers.
  return item?.childNodes[0]?.textContent ?? undefined;
}

export async function type(label: string, text: string): Promise<void> {
  const input = field(label);
  await act(async () => {
    // As a browser does it: past the property by which React knows what it set itself.
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")?.set?.call(input, text);
    input.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

export async function press(text: string): Promise<void> {
  await act(async () => button(text).click());
  await pass();
}
