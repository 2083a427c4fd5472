// States and what kind of news they are.
import { expect, test } from "vitest";
import { isFinished, toneOf, VM_STATES } from "./tone";

test("x17: unknown is not stopped, and neither is a word of a later server", () => {
  expect(toneOf("vm", "unknown")).toBe("unknown");
  expect(toneOf("vm", "hibernating")).toBe("unknown");
  expect(toneOf("vm", "constructor")).toBe("unknown");
  expect(toneOf("vm", "missing")).not.toBe(toneOf("vm", "stopped"));
});

test("every state that a filter offers is one the badge knows", () => {
  for (const state of VM_STATES.filter((s) => s !== "unknown")) {
    expect(toneOf("vm", state)).not.toBe("unknown");
  }
});

test("an operation that needs attention is not over", () => {
  expect(isFinished("needs_attention")).toBe(false);
  expect(["succeeded", "failed", "cancelled"].every(isFinished)).toBe(true);
});

test("a step that was undone, or could not be, is never calm", () => {
  expect(toneOf("step", "undone")).toBe("held");
  expect(toneOf("step", "failed_undone")).toBe("bad");
  expect(toneOf("step", "not_undone")).toBe("held");
  expect(toneOf("step", "undo_failed")).toBe("bad");
});
