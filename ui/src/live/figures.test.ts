// The stream of figures, against a scripted `fetch`.
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { FigureStream } from "./figures";
import { parseFrame } from "./frame";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

type Line = ReadableStreamDefaultController<Uint8Array>;

/** A server that keeps each stream open until the test says otherwise. */
function server(refuse?: () => Response | undefined) {
  const urls: string[] = [];
  const lines: Line[] = [];
  const encoder = new TextEncoder();
  vi.stubGlobal("fetch", async (url: string, { signal }: RequestInit) => {
    urls.push(url);
    const refusal = refuse?.();
    if (refusal) return refusal;
    const body = new ReadableStream<Uint8Array>({
      start: (line) => {
        lines.push(line);
        signal?.addEventListener("abort", () => line.error(new Error("aborted")));
      },
    });
    return new Response(body, { status: 200 });
  });
  const stream = new FigureStream();
  onTestFinished(() => stream.stop());
  return {
    stream,
    urls,
    lines,
    says: async (frame: object) => {
      lines.at(-1)?.enqueue(encoder.encode(`data: ${JSON.stringify(frame)}\n\n`));
      await vi.advanceTimersByTimeAsync(0);
    },
  };
}

const after = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const measured = (...ids: string[]) => ({
  type: "vm_metrics",
  data: { provider: "lab", pass: "stats", vms: ids.map((vm_id) => ({ vm_id, quality: "ok" })) },
});

test("d6: all who look share one connection, of what they look at alone", async () => {
  const { stream, urls, says } = server();
  let heard = 0;
  stream.follow("vm:metrics", "b", () => {
    heard += 1;
  });
  const leave = stream.follow("vm:metrics", "a", () => {});
  stream.follow("node:metrics", "h", () => {});
  await after(100);
  expect(urls).toEqual(["/api/v1/live?topics=node:metrics,vm:metrics&only=a,b,h"]);
  const before = heard;
  await says(measured("a"));
  expect([stream.now("vm:metrics", "a").last?.vm_id, heard]).toEqual(["a", before]);
  await says(measured("a", "b"));
  expect([stream.now("vm:metrics", "b").last?.vm_id, heard]).toEqual(["b", before + 1]);
  // Others are looked at: the stream is of those.
  leave();
  await after(100);
  expect(urls.at(-1)).toBe("/api/v1/live?topics=node:metrics,vm:metrics&only=b,h");
});

test("nobody looks: there is no connection, neither at first nor at last", async () => {
  const { stream, urls, says, lines } = server();
  await after(1_000);
  expect(urls).toEqual([]);
  const leave = stream.follow("vm:metrics", "a", () => {});
  await after(100);
  await says(measured("a"));
  leave();
  await after(100);
  expect(() => lines.at(-1)?.enqueue(new Uint8Array())).toThrow();
  await after(600_000);
  expect(urls).toHaveLength(1);
  expect(stream.now("vm:metrics", "a")).toEqual({ isLive: false, news: 0 });
});

test("x17: what was told before the line broke is no figure of now, and it comes back with news", async () => {
  const { stream, urls, lines, says } = server();
  stream.follow("vm:metrics", "a", () => {});
  await after(100);
  await says(measured("a"));
  const { news } = stream.now("vm:metrics", "a");
  lines.at(-1)?.close();
  await after(10);
  expect(stream.now("vm:metrics", "a")).toEqual({ isLive: false, news });
  await after(3_000);
  expect(urls).toHaveLength(2);
  // What happened meanwhile went unseen.
  expect(stream.now("vm:metrics", "a")).toEqual({ isLive: true, news: news + 1 });
});

test("x17: a line that says nothing for too long is dead", async () => {
  const { stream, urls, says } = server();
  stream.follow("vm:metrics", "a", () => {});
  await after(100);
  for (let ping = 0; ping < 4; ping += 1) {
    await after(60_000);
    await says({ type: "ping", data: {} });
  }
  expect(urls).toHaveLength(1);
  await after(80_000);
  expect(urls).toHaveLength(2);
});

test("d4: a thing that is told of no more is not told as measured", async () => {
  const { stream, says } = server();
  stream.follow("vm:metrics", "a", () => {});
  await after(100);
  await says(measured("a"));
  await after(20_000);
  await says(measured("a"));
  // Three passes of twenty seconds.
  await after(59_000);
  expect(stream.now("vm:metrics", "a").last).toBeDefined();
  await after(2_000);
  expect(stream.now("vm:metrics", "a")).toEqual({ isLive: true, news: 3 });
});

test("lost frames are news: what is newest is read", async () => {
  const { stream, says } = server();
  stream.follow("vm:metrics", "a", () => {});
  await after(100);
  const { news } = stream.now("vm:metrics", "a");
  await says({ type: "resync", data: { from: 1, to: 9 } });
  expect(stream.now("vm:metrics", "a")).toEqual({ isLive: true, news: news + 1 });
});

test("who may not follow asks seldom, and who is not logged in not again", async () => {
  let status = 403;
  const { stream, urls } = server(() => new Response(null, { status }));
  stream.follow("vm:metrics", "a", () => {});
  await after(29_000);
  expect(urls).toHaveLength(1);
  status = 401;
  await after(70_000);
  expect(urls).toHaveLength(2);
  await after(600_000);
  expect(urls).toHaveLength(2);
  expect(stream.now("vm:metrics", "a")).toEqual({ isLive: false, news: 0 });
});

test("a tab that nobody sees follows nothing", async () => {
  const { stream, urls } = server();
  let hidden = false;
  vi.spyOn(document, "hidden", "get").mockImplementation(() => hidden);
  onTestFinished(() => void vi.restoreAllMocks());
  const see = (isSeen: boolean) => {
    hidden = !isSeen;
    document.dispatchEvent(new Event("visibilitychange"));
    return after(100);
  };
  stream.follow("vm:metrics", "a", () => {});
  await after(100);
  await see(false);
  expect(stream.now("vm:metrics", "a").isLive).toBe(false);
  await after(600_000);
  expect(urls).toHaveLength(1);
  await see(true);
  expect(urls).toHaveLength(2);
  expect(stream.now("vm:metrics", "a").isLive).toBe(true);
});

test("what is no frame is left out, and so is what a newer server says", async () => {
  for (const text of ["", "null", "7", "{}", '{"type":"vm_metrics","data":null}', "{"]) {
    expect(parseFrame(text), text).toBeUndefined();
  }
  const { stream, says } = server();
  stream.follow("vm:metrics", "a", () => {});
  await after(100);
  await says({ type: "weather", data: { vms: [] } });
  await says({ type: "node_metrics", data: { nodes: "none" } });
  await says(measured("a"));
  expect(stream.now("vm:metrics", "a").last?.vm_id).toBe("a");
});
