// What clusters tell, in words: what is not known is never told as if it were.
import { expect, test } from "vitest";
import type { ClusterFeature } from "../api/types";
import { isSilence, namesIn, narrowed, stateOf, worstLag } from "./clusters";

const lag = (kind: string, silent: number | null, since: string | null = null) => ({
  kind,
  silent_seconds: silent,
  stale_since: since,
});

test("x28: the lag is that of the kind that is worst off", () => {
  expect(worstLag([])).toBe("—");
  expect(worstLag([lag("a", 2), lag("b", 75)])).toBe("1 min");
  expect(worstLag([lag("a", 2), lag("b", null)])).toBe("never heard: b");
  const stale = lag("c", 2, "2026-11-22T06:00:00Z");
  expect(worstLag([lag("a", 2), lag("b", null), stale])).toBe("stale: c");
  expect([[], [lag("a", 2)], [lag("a", null)], [lag("a", 2), stale]].map(isSilence)).toEqual([
    false,
    true,
    false,
    false,
  ]);
});

const feature = (name: string, enabled: boolean | null | undefined): ClusterFeature => ({
  name,
  enabled,
  stage: "ga",
  why: "done since 1.4",
  inferred: false,
  remedy: name === "Sidecar" ? "turn its Gate on" : null,
});

test("a feature that nobody can tell about is neither on nor off", () => {
  const all = [feature("GPU", true), feature("Sidecar", false), feature("Video", null)];
  expect(all.map(stateOf)).toEqual(["on", "off", "unknown"]);
  expect(stateOf(feature("x", undefined))).toBe("unknown");
  const names = (text?: string, state?: "on" | "off" | "unknown") =>
    narrowed(all, text, state).map(({ name }) => name);
  expect(names()).toEqual(["GPU", "Sidecar", "Video"]);
  expect(names("gate")).toEqual(["Sidecar"]);
  expect(names("1.4", "unknown")).toEqual(["Video"]);
  expect(names("gpu", "off")).toEqual([]);
});

test("names stand between commas and spaces, each once", () => {
  expect(namesIn(" GPU,  kvm\nGPU ,")).toEqual(["GPU", "kvm"]);
  expect(namesIn(" , ")).toEqual([]);
});
