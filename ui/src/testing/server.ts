// For tests: a server that answers as told, and how it refuses.
import { vi } from "vitest";

export interface Asked {
  path: string;
  body: unknown;
}

type Answer = (asked: Asked) => { status?: number; body?: unknown };

/** Takes the server's place; gives what it is asked for, besides reads. */
export function server(answer: Answer): Asked[] {
  const all: Asked[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const text = await request.text();
    const asked = { path: pathname, body: text ? JSON.parse(text) : undefined };
    if (request.method !== "GET") all.push(asked);
    const { status = 200, body } = answer(asked);
    return new Response(body === undefined ? null : JSON.stringify(body), {
      status,
      headers: { "content-type": status < 400 ? "application/json" : "application/problem+json" },
    });
  });
  return all;
}

export function refusal(status: number, code: string, errors: object[] = []) {
  const problem = { type: `/problems/${code}`, title: `${code} title`, status, code, errors };
  return { status, body: { ...problem, detail: `${code} detail`, help: "", retryable: false } };
}
