// The one door to the server: typed by the OpenAPI document, cookies of our own
// origin, an idempotency key wherever the server takes one, and one kind of error.
import createClient from "openapi-fetch";
import { ApiError, noAnswer, problemFrom } from "./errors";
import type { paths } from "./generated/schema";

/** How often a request that got no answer at all is sent again. */
const RESENDS = 2;

/** By its key the server knows a repetition of these, and gives the first one's answer. */
const KEYED: readonly string[] = ["POST", "DELETE"];

/** Sends a request; what changes something carries one key through all its repetitions. */
export async function send(request: Request): Promise<Response> {
  const keyed = KEYED.includes(request.method);
  if (keyed && !request.headers.has("idempotency-key")) {
    request.headers.set("idempotency-key", crypto.randomUUID());
  }
  // A PATCH takes no key: one that was done would be refused the second time, for the
  // version that it names is gone by its own doing.
  const resends = keyed || request.method === "GET" ? RESENDS : 0;
  for (let resent = 0; ; resent += 1) {
    try {
      // A body can be read once, so each attempt sends a copy.
      return await fetch(request.clone());
    } catch (cause) {
      if (request.signal.aborted) throw cause;
      if (resent >= resends) throw noAnswer(cause);
      await new Promise((resolve) => setTimeout(resolve, 250 * 2 ** resent));
    }
  }
}

export const client = createClient<paths>({ fetch: send, credentials: "same-origin" });

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** Awaits an answer and gives its body, or throws what the server said. */
export async function body<T>(answer: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await answer;
  if (!response.ok) throw failure(response, error);
  return data as T;
}

/** Like `body`, with the ETag that a later change has to name. */
export async function bodyAndTag<T>(
  answer: Promise<Answer<T>>,
): Promise<{ data: T; etag: string | null }> {
  const { data, error, response } = await answer;
  if (!response.ok) throw failure(response, error);
  return { data: data as T, etag: response.headers.get("etag") };
}

function failure(response: Response, error: unknown): ApiError {
  return new ApiError(problemFrom(response.status, error, response.headers.get("x-request-id")));
}
