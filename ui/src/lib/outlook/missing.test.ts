// What is missing is said once for each reason, and exactly.
import { expect, test } from "vitest";
import { example, lacking, resourceOf, young } from "../../components/outlook/outlook.fixture";
import { gridOf } from "./ahead";
import { lacksOf, quietReason, usualOf } from "./missing";

test("answers that lack the same of the same resources are one line", () => {
  const bytes = { resource: "disk_read", unit: "bytes_per_second" };
  const both = ["trend", "forecast"].map((of) => lacking(of));
  const resources = [resourceOf({ missing: both }), resourceOf({ ...bytes, missing: both })];
  expect(lacksOf({ ...young, resources })).toEqual([
    {
      answers: ["Trend", "Forecast"],
      of: ["Processors", "Disk reads"],
      why: "12 of at least 30 values are there, each the mean of an hour",
      progress: { have: 12, need: 30 },
    },
  ]);
});

test("no line says of a resource what is not missing of it", () => {
  const told = lacksOf(example).flatMap(({ answers, of, why }) =>
    answers.flatMap((answer) => of.map((name) => `${answer} · ${name} · ${why}`)),
  );
  const missing = example.resources.flatMap((it) => it.missing);
  expect(told).toHaveLength(missing.length);
  expect(new Set(told).size).toBe(told.length);
  expect(told).not.toContainEqual(expect.stringContaining("Time to full · Processors"));
});

test("progress is only where more data would help", () => {
  const missing = [
    lacking("forecast", { why: "no_model", have: 3, need: 2 }),
    lacking("trend", { have: 9, need: 0 }),
    lacking("anomalies.level", { have: null }),
  ];
  for (const lack of lacksOf({ ...young, resources: [resourceOf({ missing })] })) {
    expect(lack.progress).toBeUndefined();
  }
});

test("an outlook without any answer says what for: too young, not read, not measured, or unclear", () => {
  expect(quietReason(example)).toBeUndefined();
  expect(quietReason(young)).toBe("young");
  const of = (...whys: string[]) =>
    quietReason({
      ...young,
      resources: [resourceOf({ missing: whys.map((why) => lacking("trend", { why })) })],
    });
  expect(of("stale", "not_measured")).toBe("unmeasured");
  expect(of("stale", "scattered")).toBe("unclear");
  expect(of("not_read", "not_read")).toBe("unread");
  expect(of("not_read", "stale", "scattered")).toBe("unread");
  expect(of("not_read", "not_enough_data")).toBe("young");
});

test("nothing is called usual that could not be looked at", () => {
  expect(usualOf(example)).toEqual(["File system /", "File system /var", "File system /srv"]);
});

test("a forecast is a grid of what is expected between the most and the least", () => {
  const steps: [number, number, number, number][] = [
    [1_000_000, 5, 4, 6],
    [1_060_000, 6, 4, 9],
  ];
  const forecast = { ...(example.resources[0]?.forecast ?? expect.unreachable()), steps };
  expect(gridOf(forecast, 12)?.lines.map(({ name, values }) => [name, values])).toEqual([
    ["expected", [5, 6]],
    ["at most", [6, 9]],
    ["at least", [4, 4]],
    ["full at", [12, 12]],
  ]);
  // So far up it would flatten the rest.
  expect(gridOf(forecast, 100)?.lines).toHaveLength(3);
  expect(gridOf({ ...forecast, steps: steps.slice(1) }, null)).toBeUndefined();
});
