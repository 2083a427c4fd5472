// When an outlook is computed again, and when it is old.
import { expect, test } from "vitest";
import { ApiError, problemFrom } from "./errors";
import { isOld, outlookQuery } from "./outlook";

test("it is computed again as long as the server can", () => {
  const { refetchInterval } = outlookQuery("hosts", "h1", 3600);
  if (typeof refetchInterval !== "function") return expect.unreachable();
  const after = (error: Error | null) => refetchInterval({ state: { error } } as never);
  const problem = (status: number, code: string) =>
    new ApiError(problemFrom(status, { code, title: "it does not" }));
  expect(after(null)).toBe(300_000);
  expect(after(problem(503, "unavailable"))).toBe(300_000);
  expect(after(problem(501, "capability_missing"))).toBe(false);
});

test("it is old when it was not computed again for long", () => {
  const at = "2026-11-22T01:00:00Z";
  const after = (minutes: number) => isOld(at, Date.parse(at) + minutes * 60_000);
  expect([0, 6, 15, 15.1, 600].map(after)).toEqual([false, false, false, true, true]);
  // By a clock that was set back.
  expect(after(-60)).toBe(false);
});
