// What the palette finds: each kind by itself, and only what may be seen.
import { afterEach, expect, test, vi } from "vitest";
import { refusal } from "../../testing/server";
import { search } from "./found";

afterEach(() => vi.unstubAllGlobals());

const ROWS: Record<string, object[]> = {
  "/api/v1/vms": [
    {
      id: "v",
      name: "web",
      status: { state: "running" },
      host: { id: "h", name: "alpha" },
      provider: { id: "c", name: "eu" },
      namespace: "shop",
    },
  ],
  "/api/v1/hosts": [{ id: "h", name: "web-host", state: "ready" }],
  "/api/v1/clusters": [{ id: "c", name: "web-cluster", health: "healthy" }],
};

function answering(failing: string[] = []): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    const { pathname } = new URL(request.url, "http://localhost");
    asked.push(pathname);
    const { status, body } = failing.includes(pathname)
      ? refusal(503, "not_ready")
      : { status: 200, body: { items: ROWS[pathname], stale: false } };
    const type = status === 200 ? "application/json" : "application/problem+json";
    return new Response(JSON.stringify(body), { status, headers: { "content-type": type } });
  });
  return asked;
}

const found = async (mayInfra = true) =>
  (await search("web", mayInfra, new AbortController().signal)).map(
    ({ text, about }) => `${text}: ${about}`,
  );

const VM = "web: VM · running · alpha · eu / shop";

test("clusters are found by name, and VMs of one name are told apart", async () => {
  answering();
  expect(await found()).toEqual([VM, "web-host: host · ready", "web-cluster: cluster · healthy"]);
});

test("what fails hides nothing else", async () => {
  answering(["/api/v1/clusters", "/api/v1/hosts"]);
  expect(await found()).toEqual([VM]);
  answering(["/api/v1/vms"]);
  expect(await found()).toHaveLength(2);
  answering(Object.keys(ROWS));
  await expect(found()).rejects.toMatchObject({ code: "not_ready" });
});

test("who may not see hosts and clusters asks for none", async () => {
  const asked = answering();
  expect(await found(false)).toEqual([VM]);
  expect(asked).toEqual(["/api/v1/vms"]);
});
