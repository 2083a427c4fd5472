// The event stream's connection, against a scripted `fetch`.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LiveConnection, type LiveHandlers } from "./connection";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function streamOf(text: string): Response {
  return new Response(text, { status: 200, headers: { "content-type": "text/event-stream" } });
}

/** Answers each request with the next of `answers`; the last one is a 401, which ends the run. */
function play(answers: (Response | Error)[]) {
  const urls: string[] = [];
  const seen: number[] = [];
  const phases: string[] = [];
  let resyncs = 0;
  let loggedOut = false;
  vi.stubGlobal("fetch", async (url: string) => {
    urls.push(url);
    const answer = answers.shift() ?? new Response(null, { status: 401 });
    if (answer instanceof Error) throw answer;
    return answer;
  });
  const handlers: LiveHandlers = {
    onEvent: (event) => seen.push(event.seq),
    onResync: () => {
      resyncs += 1;
    },
    onStatus: (status) => {
      if (phases.at(-1) !== status.phase) phases.push(status.phase);
    },
    onLoggedOut: () => {
      loggedOut = true;
    },
  };
  const connection = new LiveConnection(handlers);
  return {
    /** Runs to the end; pauses between attempts take no real time. */
    run: async () => {
      let over = false;
      const running = connection.run().finally(() => {
        over = true;
      });
      while (!over) await vi.advanceTimersByTimeAsync(1_000);
      await running;
    },
    result: () => ({ urls, seen, phases, resyncs, loggedOut }),
  };
}

const event = (seq: number) => `id: ${seq}\ndata: {"seq":${seq},"type":"vm.state"}\n\n`;

test("a broken stream is resumed behind the last event, and nothing is shown twice", async () => {
  const game = play([streamOf(event(4) + event(5)), streamOf(event(5) + event(6))]);
  await game.run();
  const { urls, seen, resyncs, loggedOut } = game.result();
  expect(urls.slice(0, 2)).toEqual(["/api/v1/events", "/api/v1/events?since=5"]);
  expect(seen).toEqual([4, 5, 6]);
  expect(resyncs).toBe(1);
  expect(loggedOut).toBe(true);
});

test("a resync and an expired place both mean: read everything again", async () => {
  const game = play([
    streamOf(`${event(4)}event: resync\ndata: {}\n\n`),
    streamOf(event(9)),
    new Response(null, { status: 410 }),
    streamOf(":hb\n\n"),
  ]);
  await game.run();
  const { urls, resyncs } = game.result();
  expect(urls).toEqual([
    "/api/v1/events",
    "/api/v1/events",
    "/api/v1/events?since=9",
    "/api/v1/events",
    "/api/v1/events",
  ]);
  expect(resyncs).toBe(4);
});

test("x17: a lost line is told as such, never as live", async () => {
  const game = play([streamOf(":hb\n\n"), new TypeError("Failed to fetch")]);
  await game.run();
  expect(game.result().phases).toEqual(["live", "reconnecting"]);
});
