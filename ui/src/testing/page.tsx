// For tests: shows something to somebody, lets time go by, and finds, fills and presses what
// is there.
import { QueryClientProvider } from "@tanstack/react-query";
import { act, type ReactNode } from "react";
import { vi } from "vitest";
import { keys, makeQueryClient } from "../api/query";
import type { Session } from "../api/types";
import { rendered } from "./rendered";

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

/** Chooses an option of the list of that id. */
export async function choose(id: string, value: string): Promise<void> {
  const select = document.querySelector<HTMLSelectElement>(`select[id="${id}"]`);
  if (!select) throw new Error(`there is no list ${id}`);
  await act(async () => {
    select.value = value;
    select.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

/** Why a button does nothing, as it says when the keyboard comes to it. */
export async function reasonOf(of: HTMLElement | null | undefined): Promise<string | undefined> {
  if (!of) throw new Error("there is no such button");
  await act(async () => of.focus());
  await pass();
  const said = document.querySelector("[role=tooltip]")?.textContent ?? undefined;
  await act(async () => of.blur());
  await pass();
  return said;
}

/** The code of the problem that a dialog tells. */
export function alertCode(): string | undefined {
  return dialog().querySelector<HTMLElement>("[data-code]")?.dataset.code;
}
