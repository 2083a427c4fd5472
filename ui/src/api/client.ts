// The one door to the server: typed by the OpenAPI document, cookies of our own
// origin, an idempotency key on every POST, and one kind of error.
import createClient from "openapi-fetch";
import { ApiError, noAnswer, problemFrom } from "./errors";
import type { paths } from "./generated/schema";

/** How often a request that got no answer at all is sent again. */
const RESENDS = 2;

/** Sends a request; a POST carries one key through all its repetitions. */
export async function send(request: Request): Promise<Response> {
  if (request.method === "POST" && !request.headers.has("idempotency-key")) {
    request.headers.set("idempotency-key", crypto.randomUUID());
  }
  for (let resends = 0; ; resends += 1) {
    try {
      // A body can be read once, so each attempt sends a copy.
      return await fetch(request.clone());
    } catch (cause) {
      if (request.signal.aborted) throw cause;
      // With its key a POST is as safe to repeat as a GET.
      if (resends >= RESENDS) throw noAnswer(cause);
      await new Promise((resolve) => setTimeout(resolve, 250 * 2 ** resends));
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
