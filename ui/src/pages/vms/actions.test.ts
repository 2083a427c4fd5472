import { expect, test } from "vitest";
import { idle, refusal } from "./actions";

const vm = {
  actions: {
    start: { allowed: true, already: true },
    stop: { allowed: true },
    resume: { allowed: false, code: "vm_wrong_state", reason: "the VM runs" },
  },
};

test("what would change nothing is not offered, and is no refusal", () => {
  expect(idle(vm, "start")).toBe("It runs already.");
  expect(refusal(vm, "start")).toBeUndefined();
  expect(idle(vm, "stop")).toBeUndefined();
});

test("a refusal keeps the server's reason", () => {
  expect(idle(vm, "resume")).toBe("the VM runs");
  expect(idle(vm, "fly")).toBe("this server does not offer it");
});
