// Errors as the server tells them: RFC 9457 documents with a `code`. The UI
// decides by the code and shows the text; it never decides by the text.
import type { Problem, ProblemFault } from "./types";

/** A request that the server refused, or that never got an answer. */
export class ApiError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail || problem.title);
    this.name = "ApiError";
    this.problem = problem;
  }

  get code(): string {
    return this.problem.code;
  }

  get status(): number {
    return this.problem.status;
  }
}

/** Codes that the UI itself gives where no server answered. */
export const NO_ANSWER = "client_no_answer";
export const UNREADABLE = "client_unreadable_answer";

/** Reads the body of a failed answer; whatever it is, a problem comes out. */
export function problemFrom(status: number, body: unknown, requestId?: string | null): Problem {
  if (isRecord(body) && typeof body.code === "string" && typeof body.title === "string") {
    return {
      type: text(body.type) ?? `/problems/${body.code}`,
      title: body.title,
      status: typeof body.status === "number" ? body.status : status,
      code: body.code,
      detail: text(body.detail) ?? "",
      help: text(body.help) ?? "",
      retryable: body.retryable === true,
      errors: Array.isArray(body.errors) ? body.errors.filter(isFault) : [],
      details: isRecord(body.details) ? stringsOf(body.details) : {},
      request_id: text(body.request_id) ?? requestId ?? null,
    };
  }
  return {
    type: "about:blank",
    title: `the server answered ${status} without saying why`,
    status,
    code: UNREADABLE,
    detail:
      "The answer is not a problem document; something between you and Hostler may have sent it.",
    help: "Look at proxies on the way, and at the server's log.",
    retryable: status >= 500,
    errors: [],
    details: {},
    request_id: requestId ?? null,
  };
}

/** What is thrown when the network, not the server, said no. */
export function noAnswer(cause: unknown): ApiError {
  return new ApiError({
    type: "about:blank",
    title: "the server does not answer",
    status: 0,
    code: NO_ANSWER,
    detail: cause instanceof Error ? cause.message : String(cause),
    help: "Look whether hostlerd runs and whether this machine reaches it; the page goes on trying.",
    retryable: true,
    errors: [],
    details: {},
    request_id: null,
  });
}

/** The problem behind anything that was thrown. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ApiError) return error.problem;
  return {
    type: "about:blank",
    title: "this page made a mistake",
    status: 0,
    code: "client_bug",
    detail: error instanceof Error ? error.message : String(error),
    help: "Reload the page; if it comes again, report it with the text above.",
    retryable: false,
    errors: [],
    details: {},
    request_id: null,
  };
}

/** Whether the error says that nobody is logged in. */
export function isLoggedOut(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401;
}

/** Whether the server lacks what it would take, for example a history; asking again does not help. */
export function isIncapable(error: unknown): boolean {
  return error instanceof ApiError && error.code === "capability_missing";
}

/** Whether no answer came, so that what was asked for may have been done or not. */
export function isUnanswered(error: unknown): boolean {
  return error instanceof ApiError && error.code === NO_ANSWER;
}

/** A problem as plain text, for a bug report or a colleague. */
export function problemText(problem: Problem): string {
  const lines = [`${problem.title} [${problem.code}]`];
  if (problem.detail) lines.push(problem.detail);
  for (const fault of problem.errors ?? []) lines.push(`${fault.pointer}: ${fault.detail}`);
  if (problem.help) lines.push(`help: ${problem.help}`);
  if (problem.request_id) lines.push(`request: ${problem.request_id}`);
  return lines.join("\n");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isFault(value: unknown): value is ProblemFault {
  return isRecord(value) && typeof value.pointer === "string" && typeof value.detail === "string";
}

function stringsOf(record: Record<string, unknown>): Record<string, string> {
  const entries = Object.entries(record).filter(([, value]) => typeof value === "string");
  return Object.fromEntries(entries) as Record<string, string>;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
