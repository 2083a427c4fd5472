// What forms send of templates, and what is offered for each state.
import { expect, test } from "vitest";
import type { Template, TemplateParameter } from "../api/types";
import {
  defaultText,
  helpedBy,
  isDeployable,
  missingOf,
  shownVersion,
  turnsOf,
  valuesOf,
} from "./templates";

const parameter = (name: string, more: Partial<TemplateParameter> = {}): TemplateParameter => ({
  name,
  kind: "string",
  ...more,
});

const PARAMETERS = [
  parameter("domain", { required: true }),
  parameter("size", { kind: "size", required: true, default: "1GiB" }),
  parameter("note"),
];

test("c19: what was left empty is not sent, and what is required is named", () => {
  expect(valuesOf(PARAMETERS, { domain: "a.org", note: "", other: "x" })).toEqual({
    domain: "a.org",
  });
  expect(missingOf(PARAMETERS, {})).toEqual(["domain"]);
  expect(missingOf(PARAMETERS, { domain: "a" })).toEqual([]);
});

test("c19: defaults are shown as they would be typed", () => {
  expect(PARAMETERS.map(defaultText)).toEqual(["", "1GiB", ""]);
  expect(defaultText(parameter("n", { default: 2 }))).toBe("2");
  expect(defaultText(parameter("b", { default: false }))).toBe("false");
});

test("c19: each state offers what is allowed", () => {
  const states = ["draft", "active", "deprecated", "archived"];
  expect(states.map(turnsOf)).toEqual([
    ["activate", "archive"],
    ["deprecate", "archive"],
    ["activate", "archive"],
    [],
  ]);
  expect(states.map(isDeployable)).toEqual([false, true, true, false]);
});

test("c19: the default version is shown, else the newest", () => {
  const versions = [{ number: 1 }, { number: 2 }];
  expect(shownVersion({ default_version: 1, versions } as Template)).toBe(1);
  expect(shownVersion({ default_version: null, versions } as Template)).toBe(2);
});

test("e16: an upgrade helps where it turns on what is lacking", () => {
  const change = (name: string, turns_on: boolean) => ({
    name,
    turns_on,
    why: "",
    inferred: false,
  });
  const upgrades = [
    { version: "1.8", changes: [change("Sidecar", true), change("GPU", false)] },
    { version: "1.9", changes: [change("Other", true)] },
  ];
  const lacking = [
    { name: "Sidecar", kind: "feature" },
    { name: "GPU", kind: "feature" },
    { name: "Other", kind: "hardware" },
  ];
  expect(helpedBy(lacking, upgrades)).toEqual([{ version: "1.8", names: ["Sidecar"] }]);
});
