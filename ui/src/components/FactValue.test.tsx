// A value says how far it can be trusted, in text and not only by its colour.
import { expect, test } from "vitest";
import type { Fact } from "../api/types";
import { setServerNow } from "../lib/clock";
import { bytes } from "../lib/format";
import { rendered } from "../testing/rendered";
import { FactValue } from "./FactValue";

const SEEN_AT = "2026-05-04T10:00:00Z";

const OK: Fact<number> = {
  value: 2 ** 30,
  quality: "ok",
  source: "libvirt",
  observed_at: SEEN_AT,
};
const STALE: Fact<number> = { ...OK, quality: "stale", reason: "host alpha does not answer" };

/** What is read and what is on hover, five minutes after the value was seen. */
async function shown(fact: Fact<number> | undefined, brief = false) {
  setServerNow("2026-05-04T10:05:00Z");
  const { place } = await rendered(
    <FactValue fact={fact} brief={brief}>
      {bytes}
    </FactValue>,
  );
  const text = place.textContent?.replace(/\s+/g, " ").trim();
  return { text, hover: place.querySelector("[title]")?.getAttribute("title") };
}

test("x17: a stale value is shown with that word, its reason and its age", async () => {
  const { text, hover } = await shown(STALE);
  expect(text).toBe("1 GiB stale: host alpha does not answer seen 5 min ago");
  expect(hover).toContain("stale: host alpha does not answer · source: libvirt · seen ");
  expect(hover).toContain("2026-05-04T10:00:00Z");
});

test("x17: in a table it is marked in a word, and the rest is on hover", async () => {
  const { text, hover } = await shown(STALE, true);
  expect(text).toBe("1 GiB stale");
  expect(hover).toContain("stale: host alpha does not answer");
  expect(hover).toContain("2026-05-04T10:00:00Z");
});

test("a stale value without a reason is stale all the same", async () => {
  expect((await shown({ ...STALE, reason: null })).text).toBe("1 GiB stale seen 5 min ago");
});

test("a good value stands alone", async () => {
  expect((await shown(OK)).text).toBe("1 GiB");
});

test("a partial value says what is missing, not how old it is", async () => {
  const { text } = await shown({ ...OK, quality: "partial", reason: "one disk is unreadable" });
  expect(text).toBe("1 GiB partial: one disk is unreadable");
});

test.each<[string, Fact<number> | undefined, string]>([
  ["unavailable", { ...STALE, value: null, quality: "unavailable" }, "host alpha does not answer"],
  ["unsupported", { ...OK, value: null, quality: "unsupported" }, "not supported here"],
  ["never seen", undefined, "never seen"],
])("x17: what is %s is no number", async (_what, fact, why) => {
  expect((await shown(fact)).text).toBe(`no data: ${why}`);
});
