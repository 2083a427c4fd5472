// What is said of VMs that were made elsewhere, and what is made of what is typed.
import { expect, test } from "vitest";
import type { AdoptionRisk } from "../api/types";
import {
  type AdoptFields,
  adoptedText,
  adoptFaults,
  adoptRequest,
  inParts,
  originText,
  risksText,
} from "./adoption";

const risk = (code: string, forbids = false): AdoptionRisk => ({
  code,
  detail: `${code} told`,
  forbids,
});

const typed = (part: Partial<AdoptFields> = {}): AdoptFields => ({
  name: "web",
  project: "",
  readOnly: false,
  reason: "",
  ...part,
});

test("x30: what is nobody's says why, also with a word of a later server", () => {
  expect(originText("foreign")).toContain("made elsewhere");
  expect(originText("lost")).toContain("no record");
  expect(originText("left_behind")).toBe("left behind");
  expect(originText("constructor")).toBe("constructor");
});

test("x30: risks are counted, and those that forbid stand out", () => {
  expect(risksText([])).toBeUndefined();
  expect(risksText([risk("transient")])).toEqual({
    text: "1 risk",
    forbids: false,
    details: "transient told",
  });
  const some = risksText([risk("emulated"), risk("not_read", true)]);
  expect([some?.text, some?.forbids]).toEqual(["2 risks, 1 forbids", true]);
  expect(some?.details).toBe("emulated told\nnot_read told");
  const all = risksText([risk("not_possible", true), risk("not_read", true)]);
  expect(all?.text).toBe("2 risks, 2 forbid");
});

test("only what was given is asked for, and the own name is none that is given", () => {
  expect(adoptRequest(typed(), "web")).toEqual({ read_only: false });
  const given = typed({ name: " ours ", project: " lab ", readOnly: true, reason: " moved " });
  expect(adoptRequest(given, "web")).toEqual({
    name: "ours",
    project: "lab",
    read_only: true,
    reason: "moved",
  });
  expect(adoptRequest(typed({ name: "" }), "my VM")).toEqual({ read_only: false });
});

test("x30: a name is needed where the own one cannot be taken, and only there", () => {
  expect(adoptFaults(typed({ name: "" }), "web")).toEqual({});
  expect(adoptFaults(typed({ name: "" }), "my VM (old)").name).toContain("letters");
  expect(adoptFaults(typed({ name: "my VM (old)" }), "my VM (old)").name).toContain("letters");
  expect(adoptFaults(typed({ name: "my-vm" }), "my VM (old)")).toEqual({});
});

test("faults stand by their fields", () => {
  expect(adoptFaults(typed({ project: "my lab" }), "web").project).toContain("letters");
  expect(adoptFaults(typed({ project: "a".repeat(63), reason: "é".repeat(512) }), "web")).toEqual(
    {},
  );
  const much = adoptFaults(typed({ project: "a".repeat(64), reason: "é".repeat(513) }), "web");
  expect(Object.keys(much)).toEqual(["project", "reason"]);
});

test("x31: who adopted, when and why", () => {
  const adopted = { by: "local:ann", at: "2026-11-22T06:00:00Z", read_only: false };
  expect(adoptedText(adopted)).toMatch(/^adopted by local:ann, .*\(2026-11-22T06:00:00Z\)$/);
  const text = adoptedText({ ...adopted, read_only: true, reason: "moved" });
  expect(text).toMatch(/^adopted for reading only by local:ann, .*: moved$/);
});

test("many are asked about in parts", () => {
  expect(inParts([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
  expect(inParts([1, 2], 2)).toEqual([[1, 2]]);
  expect(inParts([], 2)).toEqual([]);
});
