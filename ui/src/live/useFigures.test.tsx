// When a component reads what the stream does not tell.
import { act } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { rendered } from "../testing/rendered";
import { useReadAtNews, useSettled } from "./useFigures";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function Reader({ news, wanted, read }: { news: number; wanted: boolean; read: () => void }) {
  useReadAtNews(news, wanted, read);
  return null;
}

test("what is there at first is not read twice, and each news once", async () => {
  const read = vi.fn();
  const at = (news: number, wanted = true) => <Reader news={news} wanted={wanted} read={read} />;
  const { show } = await rendered(at(3));
  expect(read).toHaveBeenCalledTimes(0);
  await show(at(4));
  await show(at(4));
  expect(read).toHaveBeenCalledTimes(1);
  // Out of sight nothing is read; what came meanwhile is read once afterwards.
  await show(at(5, false));
  await show(at(6, false));
  expect(read).toHaveBeenCalledTimes(1);
  await show(at(6));
  expect(read).toHaveBeenCalledTimes(2);
});

function Settled({ news }: { news: number }) {
  return useSettled(news);
}

test("passes that end together are one piece of news, and a steady stream of them is heard", async () => {
  const { place, show } = await rendered(<Settled news={1} />);
  const after = (ms: number) => act(async () => void (await vi.advanceTimersByTimeAsync(ms)));
  const seen: (string | null)[] = [];
  for (let news = 2; news <= 7; news += 1) {
    await show(<Settled news={news} />);
    await after(400);
    seen.push(place.textContent);
  }
  // Not each, and not none for as long as they come.
  expect(new Set(seen).size).toBeGreaterThan(1);
  expect(new Set(seen).size).toBeLessThan(6);
  await after(2_000);
  expect(place.textContent).toBe("7");
});
