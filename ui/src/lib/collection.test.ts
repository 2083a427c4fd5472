// How collecting goes, in words.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { CustomSeries, OutputStatus } from "../api/types";
import {
  type AgentSource,
  clockText,
  isAlone,
  labelsText,
  leftOut,
  lostOf,
  passAge,
  seriesId,
  sourcesOf,
  waitingText,
} from "./collection";
import { AGENT_TOML, OUTPUT_TOML, PUSH_COMMANDS } from "./snippets";

const source = (name: string, pass: string, more: Partial<AgentSource> = {}): AgentSource => ({
  source: name,
  pass,
  age_seconds: 2,
  interval_seconds: 5,
  ...more,
});

test("a source is as its worst pass is, and the worst source comes first", () => {
  const sources = [
    source("kernel", "state"),
    source("kernel", "stats"),
    source("docker", "state"),
    source("docker", "stats", { failure: "no such socket" }),
    source("docker", "guest", { failure: "later", age_seconds: null }),
    source("podman", "stats", { age_seconds: null }),
  ];
  expect(sourcesOf({ state: "ok", sources })).toEqual([
    { source: "docker", health: "fails", failure: "no such socket" },
    { source: "podman", health: "waits" },
    { source: "kernel", health: "ok" },
  ]);
});

test("a server is alone that has nobody but itself, and not while nothing is known", () => {
  expect(isAlone([])).toBe(false);
  expect(isAlone([{ kind: "own" }])).toBe(true);
  expect(isAlone([{ kind: "own" }, { kind: "agent" }])).toBe(false);
});

test("x17: of an agent that is not heard nobody knows how its sources are", () => {
  const sources = [source("kernel", "stats"), source("docker", "stats", { failure: "gone" })];
  for (const state of ["unreachable", "refused", "a_later_word"]) {
    expect(sourcesOf({ state, sources })).toEqual([
      { source: "kernel", health: "unheard" },
      { source: "docker", health: "unheard" },
    ]);
  }
});

test("what never succeeded is never, not zero", () => {
  expect(passAge(source("kernel", "stats", { age_seconds: null }))).toBe("never");
  expect(passAge(source("kernel", "stats", { age_seconds: 0 }))).toBe("0 s ago");
  expect(passAge(source("kernel", "stats", { age_seconds: 61 }))).toBe("1 min ago");
});

test("a clock is ahead, behind, right or unknown", () => {
  expect(clockText(undefined)).toBe("—");
  expect(clockText(-0.4)).toBe("less than a second off");
  expect(clockText(75)).toBe("1 min ahead");
  expect(clockText(-12.7)).toBe("12 s behind");
});

test("what was left out is counted over all reasons", () => {
  expect(leftOut({ left_out: {} })).toBe(0);
  expect(leftOut({ left_out: { twice: 2, a_later_word: 3 } })).toBe(5);
});

const NONE = { full: 0, old: 0, disk: 0, refused: 0, unsupported: 0 };

test("what is lost is told by reason, most first, and a later word by itself", () => {
  expect(lostOf({ dropped: NONE })).toEqual({ total: 0, reasons: [] });
  const dropped = { ...NONE, old: 3, refused: 40, constructor_: 1 };
  const { total, reasons } = lostOf({ dropped });
  expect(total).toBe(44);
  expect(reasons.map(({ reason }) => reason)).toEqual(["refused", "old", "constructor_"]);
  expect(reasons.at(-1)?.text).toBe("constructor_");
});

test("what a protocol cannot tell is not lost", () => {
  expect(lostOf({ dropped: { ...NONE, unsupported: 70 } })).toEqual({ total: 0, reasons: [] });
  const { total, reasons } = lostOf({ dropped: { ...NONE, unsupported: 70, full: 2 } });
  expect([total, reasons.map(({ reason }) => reason)]).toEqual([2, ["full"]]);
});

test("what waits, and for how long as far as known", () => {
  const waiting = (more: Partial<OutputStatus["waiting"]>) =>
    waitingText({ waiting: { samples: 0, bytes: 0, ...more } });
  expect(waiting({})).toBe("nothing");
  expect(waiting({ samples: 1 })).toBe("1 sample");
  expect(waiting({ samples: 48_210, oldest_age_seconds: 312.4 })).toBe("48 210 samples, for 5 min");
});

const series: CustomSeries = {
  name: "jobs_done_total",
  kind: "counter",
  labels: { queue: "mail", site: "north" },
  vm: { id: "1", name: "web" },
  simulated: false,
  value: 17,
  observed_at: "2026-11-22T00:00:00Z",
  age_seconds: 1,
  quality: "ok",
  pushed_by: "token:backup",
};

test("series are told apart by name, labels and what they are of, and by nothing else", () => {
  const same = { ...series, labels: { site: "north", queue: "mail" }, value: 18, age_seconds: 9 };
  expect(seriesId(same)).toBe(seriesId(series));
  const others: CustomSeries[] = [
    { ...series, name: "jobs_lost_total" },
    { ...series, labels: { queue: "mail" } },
    { ...series, vm: { id: "2", name: "web" } },
    { ...series, vm: null, host: { id: "1", name: "web" } },
    { ...series, vm: null },
  ];
  expect(new Set([series, ...others].map(seriesId)).size).toBe(others.length + 1);
});

test("labels in words", () => {
  expect(labelsText(series)).toBe("queue=mail, site=north");
  expect(labelsText({ labels: {} })).toBe("none");
});

test.each([
  ["reference/agent.md", AGENT_TOML],
  ["guide/outputs.md", OUTPUT_TOML],
  ["guide/custom-metrics.md", PUSH_COMMANDS],
])("what is to be taken over stands so in %s", (file, text) => {
  const written = readFileSync(join(import.meta.dirname, "../../../docs", file), "utf8");
  for (const line of text.split("\n")) expect(written).toContain(line);
});
