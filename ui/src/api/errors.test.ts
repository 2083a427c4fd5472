// Problems: what the server says, and what is said when it says nothing.
import { expect, test } from "vitest";
import {
  ApiError,
  isIncapable,
  isLoggedOut,
  noAnswer,
  problemFrom,
  problemOf,
  problemText,
} from "./errors";

const BUSY = {
  type: "/problems/vm_busy",
  title: "an operation works on the VM",
  status: 409,
  code: "vm_busy",
  detail: "vm.start works on web-1",
  help: "Wait for the operation.",
  retryable: true,
  details: { operation: "0192" },
  request_id: "r-1",
};

test("a problem document is kept whole", () => {
  const problem = problemFrom(409, BUSY);
  expect(problem).toMatchObject({ ...BUSY, errors: [] });
  expect(new ApiError(problem).code).toBe("vm_busy");
});

test.each([undefined, null, "<html>bad gateway</html>", 7, [], {}, { code: 5, title: "x" }])(
  "an answer that is no problem document still gives one: %j",
  (body) => {
    const problem = problemFrom(502, body, "r-2");
    expect(problem.code).toBe("client_unreadable_answer");
    expect(problem.status).toBe(502);
    expect(problem.request_id).toBe("r-2");
  },
);

test("faults that are not faults are left out", () => {
  const problem = problemFrom(400, {
    ...BUSY,
    errors: [{ pointer: "/name", code: "x", detail: "bad" }, { pointer: 3 }, "no"],
  });
  expect(problem.errors).toHaveLength(1);
});

test("only the status 401 means logged out", () => {
  expect(isLoggedOut(new ApiError({ ...BUSY, status: 401 }))).toBe(true);
  expect(isLoggedOut(new ApiError(BUSY))).toBe(false);
  expect(isLoggedOut(new Error("401"))).toBe(false);
});

test("a lost network is told apart from a refusing server", () => {
  expect(noAnswer(new TypeError("Failed to fetch")).problem).toMatchObject({
    code: "client_no_answer",
    retryable: true,
    status: 0,
  });
  expect(problemOf(new Error("boom")).code).toBe("client_bug");
});

test("the text for a report names code, help and request", () => {
  expect(problemText(problemFrom(409, BUSY))).toBe(
    "an operation works on the VM [vm_busy]\nvm.start works on web-1\nhelp: Wait for the operation.\nrequest: r-1",
  );
});

test("that a server cannot do it at all is told by its code", () => {
  const problem = { code: "capability_missing", title: "it cannot do that" };
  expect(isIncapable(new ApiError(problemFrom(501, problem)))).toBe(true);
  expect(isIncapable(new ApiError(problemFrom(500, {})))).toBe(false);
  expect(isIncapable(undefined)).toBe(false);
});
