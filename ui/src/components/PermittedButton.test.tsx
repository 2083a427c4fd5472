// A button that may not be pressed is reached by the keyboard, says why, and does nothing.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { button, press, reasonOf, shown } from "../testing/page";
import { PermittedButton } from "./PermittedButton";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

async function pressed(permissions: string[], refused?: string) {
  const done = vi.fn();
  await shown(
    <PermittedButton permission="image.manage" refused={refused} onClick={done}>
      Remove
    </PermittedButton>,
    permissions,
  );
  await press("Remove");
  const off = button("Remove").getAttribute("aria-disabled");
  // A disabled one would be reached by no key.
  expect(button("Remove").disabled).toBe(false);
  return { done: done.mock.calls.length, off, why: await reasonOf(button("Remove")) };
}

test("who lacks the permission is told so at the button", async () => {
  expect(await pressed([])).toEqual({
    done: 0,
    off: "true",
    why: "token:ci (reader) lacks the permission image.manage",
  });
});

test("what stands in the way is told to who may", async () => {
  expect(await pressed(["image.manage"], "a VM uses it")).toEqual({
    done: 0,
    off: "true",
    why: "a VM uses it",
  });
});

test("who may, does", async () => {
  const { done, off, why } = await pressed(["image.manage"]);
  expect([done, off === "true", why]).toEqual([1, false, undefined]);
});
