import { afterEach, expect, test, vi } from "vitest";
import { ApiError, NO_ANSWER } from "../../api/errors";
import { changeVm, idle, refusal, warning } from "./actions";

afterEach(() => vi.unstubAllGlobals());

const vm = {
  actions: {
    start: { allowed: true, already: true },
    stop: { allowed: true },
    resume: { allowed: false, code: "vm_wrong_state", reason: "the VM runs" },
  },
};

test("what would change nothing is not offered, and is no refusal", () => {
  expect(idle(vm, "start")).toBe("It runs already.");
  expect(refusal(vm, "start")).toBeUndefined();
  expect(idle(vm, "stop")).toBeUndefined();
});

test("a refusal keeps the server's reason", () => {
  expect(idle(vm, "resume")).toBe("the VM runs");
  expect(idle(vm, "fly")).toBe("this server does not offer it");
});

test("x25: what a tool will turn back is said of what is possible", () => {
  const kept = { actions: { stop: { allowed: true, warning: "argocd starts it again" } } };
  expect(warning(kept, "stop")).toBe("argocd starts it again");
  expect(idle(kept, "stop")).toBeUndefined();
  expect(warning(vm, "stop")).toBeUndefined();
});

/** A server whose answers to PATCH are all lost, and whose VM is this one afterwards. */
function loseAnswers(vm: object) {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    asked.push(request.method);
    if (request.method === "PATCH") throw new TypeError("the connection was cut");
    const headers = { "content-type": "application/json", etag: '"8"' };
    return new Response(JSON.stringify(vm), { headers });
  });
  return asked;
}

const PATCH = { description: "mine", labels: { tier: "web", old: null } };

test("x8: a change whose answer was lost is found by reading, not made again", async () => {
  const asked = loseAnswers({ id: "1", description: "mine", labels: { tier: "web", env: "prod" } });
  const { data, etag } = await changeVm("1", '"7"', PATCH);
  expect(data.description).toBe("mine");
  expect(etag).toBe('"8"');
  expect(asked).toEqual(["PATCH", "GET"]);
});

test.each([
  ["another description", { description: "theirs", labels: { tier: "web" } }],
  ["another label", { description: "mine", labels: { tier: "db" } }],
  ["the label that was to go", { description: "mine", labels: { tier: "web", old: "yes" } }],
])("with %s there it stays unknown whether the change was made", async (_what, there) => {
  loseAnswers({ id: "1", ...there });
  const error = await changeVm("1", '"7"', PATCH).catch((thrown: unknown) => thrown);
  expect(error instanceof ApiError && error.code).toBe(NO_ANSWER);
});
