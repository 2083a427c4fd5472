// What is old says so in text, and since when; what is fresh says nothing.
import type { ReactNode } from "react";
import { expect, test } from "vitest";
import { setServerNow } from "../lib/clock";
import { rendered } from "../testing/rendered";
import { ListView } from "./ListView";
import { StaleSince } from "./StaleSince";
import type { ListState } from "./useList";

const SINCE = "2026-05-04T10:00:00Z";

/** What is read, and the moment on hover, five minutes after it became old. */
async function shown(node: ReactNode) {
  setServerNow("2026-05-04T10:05:00Z");
  const { place } = await rendered(node);
  const text = place.textContent?.replace(/\s+/g, " ").trim();
  return { text, at: place.querySelector("time")?.getAttribute("datetime") };
}

test("e10: what is stale says since when, where that is known", async () => {
  const stale = await shown(<StaleSince of={{ cache_status: "stale", stale_since: SINCE }} />);
  expect(stale).toEqual({ text: ", stale since 5 min ago", at: SINCE });
  expect((await shown(<StaleSince of={{ cache_status: "stale" }} />)).text).toBe(", stale");
  expect((await shown(<StaleSince of={{ cache_status: "fresh" }} />)).text).toBe("");
  expect((await shown(<StaleSince of={{}} />)).text).toBe("");
});

test("e10: a list of which a part is old says since when", async () => {
  const list = { total: 2, stale: true, staleSince: SINCE, pending: false } as ListState;
  const of = (state: ListState) => (
    <ListView
      title="Hosts"
      nouns={["host", "hosts"]}
      list={state}
      empty={false}
      narrowed={false}
      onClear={() => {}}
      first=""
    >
      rows
    </ListView>
  );
  const old = await shown(of(list));
  expect(old.text).toContain("partly old: a provider does not answer, stale since 5 min ago");
  expect(old.at).toBe(SINCE);
  const fresh = await shown(of({ ...list, stale: false, staleSince: undefined } as ListState));
  expect(fresh.text).not.toContain("stale");
});
