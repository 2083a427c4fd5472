// What is typed goes to the URL, and nothing that is typed is lost on the way.
import { act } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { rendered } from "../testing/rendered";
import { SearchBox } from "./SearchBox";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A search field whose URL answers when `arrive` says so, as a busy page's does. */
async function searchBox() {
  const told: (string | undefined)[] = [];
  const onChange = (value: string | undefined) => void told.push(value);
  const box = (value?: string) => <SearchBox label="Search" value={value} onChange={onChange} />;
  const { place, show } = await rendered(box());
  const field = place.querySelector("input");
  if (!field) throw new Error("there is no field");
  const type = (text: string) =>
    act(async () => {
      // As a browser does it: past the property by which React knows what it set itself.
      Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")?.set?.call(field, text);
      field.dispatchEvent(new Event("input", { bubbles: true }));
    });
  const pause = () => act(async () => vi.advanceTimersByTime(1_000));
  return { told, field, type, pause, arrive: (value?: string) => show(box(value)) };
}

test("what was typed is told once, after a pause", async () => {
  const { told, type, pause } = await searchBox();
  await type("w");
  await type("we");
  expect(told).toEqual([]);
  await pause();
  await pause();
  expect(told).toEqual(["we"]);
});

test("letters typed while the URL changes are kept", async () => {
  const { told, field, type, pause, arrive } = await searchBox();
  await type("web");
  await pause();
  await type("web-0");
  await arrive("web");
  expect(field.value).toBe("web-0");
  await pause();
  await type("web-01");
  await pause();
  // Both at once, late.
  await arrive("web-0");
  await arrive("web-01");
  expect(field.value).toBe("web-01");
  expect(told).toEqual(["web", "web-0", "web-01"]);
});

test("what the URL becomes by other means is shown", async () => {
  const { told, field, type, pause, arrive } = await searchBox();
  await type("web");
  await pause();
  await arrive("web");
  await arrive(undefined);
  expect(field.value).toBe("");
  await arrive("db");
  expect(field.value).toBe("db");
  await pause();
  expect(told).toEqual(["web"]);
});
