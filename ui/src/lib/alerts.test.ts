// What alerts look like to people.
import { expect, test } from "vitest";
import {
  alertTone,
  careFilter,
  careOf,
  changeText,
  changeTone,
  labelsText,
  runbookLink,
  severityTone,
  subjectOf,
} from "./alerts";

const firing = { state: "firing", acknowledged: null, silenced_by: [], inhibited_by: null };

test("d20: only an alert that fires and that nobody cares for is bad", () => {
  expect(careOf(firing)).toBeUndefined();
  expect(alertTone(firing)).toBe("bad");
  expect(alertTone({ ...firing, acknowledged: { by: "ada" } })).toBe("held");
  expect(alertTone({ ...firing, silenced_by: ["1"] })).toBe("held");
  expect(alertTone({ ...firing, inhibited_by: "2" })).toBe("held");
  expect(alertTone({ ...firing, state: "pending" })).toBe("moving");
  // A word of a newer server is never good.
  expect(alertTone({ ...firing, state: "smouldering" })).toBe("unknown");
});

test("who acknowledged stands before what silences", () => {
  expect(careOf({ ...firing, acknowledged: {}, silenced_by: ["1"], inhibited_by: "2" })).toBe(
    "acknowledged",
  );
  expect(careOf({ ...firing, silenced_by: ["1"], inhibited_by: "2" })).toBe("silenced");
});

test("a severity is any text", () => {
  expect(severityTone("critical")).toBe("bad");
  expect(severityTone("page-me")).toBe("unknown");
  expect(severityTone("constructor")).toBe("unknown");
  expect(severityTone(null)).toBe("unknown");
});

test("a18: a runbook is a link only where it leads to the web", () => {
  expect(runbookLink("https://example.org/a#b")).toBe("https://example.org/a#b");
  for (const text of ["javascript:alert(1)", "docs/runbooks/HostlerDown.md", "//x", "", null]) {
    expect(runbookLink(text), String(text)).toBeUndefined();
  }
});

test("an alert is about the nearest thing that its labels name", () => {
  expect(subjectOf({ host: "h1", vm: "web", provider: "lab" })).toBe("vm web");
  expect(subjectOf({ host: "h1", provider: "lab" })).toBe("host h1");
  expect(subjectOf({ job: "x" })).toBe("");
  expect(labelsText({ alertname: "A", severity: "info", vm: "web", host: "h1" })).toBe(
    "vm=web, host=h1",
  );
});

test("a word of the URL that is no facet narrows nothing", () => {
  expect(careFilter("silenced")).toBe("silenced=true");
  for (const word of [undefined, "", "constructor", "everybody"]) {
    expect(careFilter(word), String(word)).toBeUndefined();
  }
});

test("x17: an alert that ended because nothing is known any more is not told as well", () => {
  expect([changeText("resolved", "over"), changeTone("resolved", "over")]).toEqual([
    "over",
    "good",
  ]);
  expect([changeText("resolved", "no_data"), changeTone("resolved", "no_data")]).toEqual([
    "ended: no data",
    "unknown",
  ]);
  expect(changeTone("resolved", "rule_gone")).toBe("unknown");
  expect([changeText("handed_over", null), changeTone("handed_over", null)]).toEqual([
    "handed over",
    "unknown",
  ]);
});
