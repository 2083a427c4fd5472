// What is sent again when no answer came, and what is not.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { send } from "./client";
import { ApiError, NO_ANSWER } from "./errors";

const sent: Request[] = [];
/** How many answers are lost before one arrives. */
let lost = 0;

beforeEach(() => {
  vi.useFakeTimers();
  sent.length = 0;
  vi.stubGlobal("fetch", async (request: Request) => {
    sent.push(request);
    if (sent.length <= lost) throw new TypeError("the connection was cut");
    return new Response("{}");
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function outcome(method: string): Promise<Response | ApiError> {
  const body = method === "POST" || method === "PATCH" ? "{}" : undefined;
  const answer = send(new Request("https://localhost/api/v1/vms", { method, body })).catch(
    (error: unknown) => {
      if (error instanceof ApiError) return error;
      throw error;
    },
  );
  await vi.runAllTimersAsync();
  return answer;
}

const keysSent = () => sent.map((request) => request.headers.get("idempotency-key"));

test.each(["POST", "DELETE"])("a %s is sent again under the same key", async (method) => {
  lost = 2;
  expect(await outcome(method)).toBeInstanceOf(Response);
  expect(sent).toHaveLength(3);
  expect(keysSent()[0]).toMatch(/^[0-9a-f-]{36}$/);
  expect(new Set(keysSent()).size).toBe(1);
});

test("two POSTs have two keys", async () => {
  lost = 0;
  await outcome("POST");
  await outcome("POST");
  expect(new Set(keysSent()).size).toBe(2);
});

test("a GET is sent again without a key", async () => {
  lost = 1;
  expect(await outcome("GET")).toBeInstanceOf(Response);
  expect(keysSent()).toEqual([null, null]);
});

test("x8: a PATCH whose answer was lost is not sent again: it may have been done", async () => {
  lost = 1;
  const error = await outcome("PATCH");
  expect(error instanceof ApiError && error.code).toBe(NO_ANSWER);
  expect(keysSent()).toEqual([null]);
});

test("what never gets an answer ends", async () => {
  lost = 99;
  const error = await outcome("POST");
  expect(error instanceof ApiError && error.code).toBe(NO_ANSWER);
  expect(sent).toHaveLength(3);
});
