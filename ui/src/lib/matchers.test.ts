// What a silence would be about, as the server judges it.
import { expect, test } from "vitest";
import { equalMatcher, fitting, matcherLines, matcherOf } from "./matchers";

const web = { alertname: "HostlerVmCrashed", vm: "web-1", severity: "critical" };
const fits = (text: string, labels: Record<string, string> = web) => matcherOf(text)?.(labels);

test("the four ways to compare, with and without quotes", () => {
  expect(fits('vm="web-1"')).toBe(true);
  expect(fits("vm=web-1")).toBe(true);
  expect(fits(' vm = "web-2" ')).toBe(false);
  expect(fits("vm!=web-2")).toBe(true);
  expect(fits('vm=~"web-.*"')).toBe(true);
  expect(fits('vm!~"db-.*"')).toBe(true);
});

test("a pattern is for the whole value, as the server has it", () => {
  expect(fits('vm=~"web"')).toBe(false);
  expect(fits('vm=~"db|web-1"')).toBe(true);
  expect(fits('vm=~"w.*1"', { vm: "w\n1" })).toBe(true);
  expect(fits('vm=~"web-\\d"')).toBe(true);
});

test("a label that is not there is empty, whatever it is called", () => {
  expect(fits('pool=""')).toBe(true);
  expect(fits('pool!="fast"')).toBe(true);
  expect(fits('constructor=~".+"')).toBe(false);
});

test("what cannot be read here is not guessed", () => {
  for (const text of ["vm", "=x", "1x=2", 'vm="a', 'vm="a"b', 'vm=a"', 'vm=~"("', 'vm=~")|("']) {
    expect(matcherOf(text), text).toBeUndefined();
  }
  expect(fitting([{ labels: web }], ["vm=web-1", "vm=~("])).toBeUndefined();
});

test("the matcher of a value is read back as that value", () => {
  for (const value of ["a", 'a "b"', "back\\slash", "two\nlines", "\\n", ""]) {
    const text = equalMatcher("vm", value);
    expect(fits(text, { vm: value }), text).toBe(true);
    expect(fits(text, { vm: `${value}x` }), text).toBe(false);
  }
});

test("a silence is of those that fit all", () => {
  const alerts = [{ labels: web }, { labels: { ...web, vm: "db-1" } }];
  expect(fitting(alerts, matcherLines(' severity=critical\n\nvm=~"web-.*" '))).toEqual([
    { labels: web },
  ]);
  expect(fitting(alerts, [])).toEqual(alerts);
});
