// The dialogs of clusters: what is tried before it is kept, what the server is sent, where
// a refusal stands, and that a kubeconfig stays nowhere.
import { act } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ClusterTested } from "../../api/types";
import { alertCode, button, dialog, field, pass, press, shown, type } from "../../testing/page";
import { refusal, server } from "../../testing/server";
import { ClusterVerbs } from "./ClusterVerbs";
import { cluster, MANAGER, paste } from "./clusters.fixture";
import { KubeconfigDialog } from "./KubeconfigDialog";

beforeEach(() => {
  vi.useFakeTimers();
  closed = 0;
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

let closed = 0;
const close = () => {
  closed += 1;
};

const SECRET = "apiVersion: v1 # hunter2";
const TEST = "/api/v1/clusters/test";
const ADD = "/api/v1/clusters";

const usable: ClusterTested = {
  server: "https://10.0.0.1:6443",
  context: "admin",
  health: "healthy",
  usable: true,
  reasons: [],
  capabilities: null,
  storage_classes: null,
  took_seconds: 0.42,
};
const refused: ClusterTested = {
  ...usable,
  usable: false,
  health: "unreachable",
  reasons: [
    { code: "Unreachable", message: "nobody answers: look at the network", warning: false },
  ],
};

test("e13: a cluster is tried before it is added, and all of what is given is sent", async () => {
  const asked = server(({ path }) => ({ body: path === TEST ? usable : cluster("eu") }));
  const { queries } = await shown(<KubeconfigDialog onClose={close} />, MANAGER);
  expect(button("Test").disabled).toBe(true);
  await type("Name", "eu");
  await paste(SECRET);
  await type("Context", "admin");
  await type("Namespaces", "a, b,a");
  await type("Questions at once", "201");
  expect(button("Test").disabled).toBe(true);
  expect(dialog().textContent).toContain("A number from 1 to 200");
  await type("Questions at once", "5");
  expect(button("Add").disabled).toBe(true);
  await press("Test");
  expect(dialog().textContent).toContain("It can be used; the cluster is healthy");
  expect(dialog().textContent).toContain("asking took 0.4 s");
  expect(dialog().textContent).toContain("features unknown");
  await press("Add");
  const given = { kubeconfig: SECRET, context: "admin", namespaces: ["a", "b"], at_once: 5 };
  expect(asked).toEqual([
    { path: TEST, body: given },
    { path: ADD, body: { name: "eu", ...given } },
  ]);
  expect(closed).toBe(1);
  expect(location.href).not.toContain("hunter2");
  expect(
    JSON.stringify(
      queries
        .getQueryCache()
        .getAll()
        .map(({ state }) => state),
    ),
  ).not.toContain("hunter2");
  expect(queries.getMutationCache().getAll()).toEqual([]);
  expect(JSON.stringify({ ...localStorage, ...sessionStorage })).not.toContain("hunter2");
});

test("another text has to be tried again; one that nobody answers can be added all the same", async () => {
  server(() => ({ body: refused }));
  await shown(<KubeconfigDialog onClose={close} />, MANAGER);
  await type("Name", "eu");
  await paste(SECRET);
  await press("Test");
  expect(dialog().textContent).toContain("It cannot be used: the cluster is unreachable");
  expect(dialog().textContent).toContain("nobody answers: look at the network");
  expect(button("Add all the same").disabled).toBe(false);
  await type("Context", "other");
  expect(button("Add").disabled).toBe(true);
  expect(dialog().textContent).not.toContain("It cannot be used");
});

test("what the server refuses is said in place, and the dialog stays with what was given", async () => {
  let code = "spec_invalid";
  server(({ path }) =>
    path === TEST && code !== "spec_invalid"
      ? { body: usable }
      : refusal(400, code, [
          { pointer: "/kubeconfig", code: "unusable", detail: "names files: flatten it" },
        ]),
  );
  await shown(<KubeconfigDialog onClose={close} />, MANAGER);
  await type("Name", "eu");
  await paste(SECRET);
  await press("Test");
  expect(alertCode()).toBe("spec_invalid");
  expect(dialog().textContent).toContain("names files: flatten it");
  code = "provider_conflict";
  await press("Test");
  expect(alertCode()).toBeUndefined();
  await press("Add");
  expect(alertCode()).toBe("provider_conflict");
  expect(field("Name").value).toBe("eu");
  expect(closed).toBe(0);
});

test("one that is too large is refused before anybody is asked", async () => {
  const asked = server(() => ({ body: usable }));
  await shown(<KubeconfigDialog onClose={close} />, MANAGER);
  await paste("x".repeat(256 * 1024 + 1));
  expect(dialog().textContent).toContain("at most 256 KiB are taken");
  expect(button("Test").disabled).toBe(true);
  expect(asked).toEqual([]);
});

test("an answer to what was tried before is nobody's: it says nothing of another text", async () => {
  const answers: ((answer: Response) => void)[] = [];
  vi.stubGlobal("fetch", () => new Promise((resolve) => answers.push(resolve)));
  const answer = async (at: number, body: ClusterTested) => {
    answers[at]?.(
      new Response(JSON.stringify(body), { headers: { "content-type": "application/json" } }),
    );
    await pass();
  };
  await shown(<KubeconfigDialog onClose={close} />, MANAGER);
  await type("Name", "eu");
  await paste(SECRET);
  await press("Test");
  await type("Namespaces", "shop");
  expect(button("Test").disabled).toBe(false);
  await answer(0, usable);
  expect(dialog().textContent).not.toContain("It can be used");
  expect(button("Add").disabled).toBe(true);
  await press("Test");
  await answer(1, refused);
  expect(dialog().textContent).toContain("It cannot be used");
});

test("a file too large or not readable is told beside the text, and leaves no text", async () => {
  server(() => ({ body: usable }));
  await shown(<KubeconfigDialog onClose={close} />, MANAGER);
  const area = () => dialog().querySelector<HTMLTextAreaElement>(".kubeconfig textarea");
  const give = async (file: Pick<File, "name" | "size" | "text">) => {
    const input = dialog().querySelector<HTMLInputElement>("input[type=file]");
    if (!input) throw new Error("there is no place for a file");
    Object.defineProperty(input, "files", { value: [file], configurable: true });
    await act(async () => input.dispatchEvent(new Event("change", { bubbles: true })));
    await pass();
  };
  const text = vi.fn(async () => SECRET);
  await give({ name: "a", size: 3 * 2 ** 20, text });
  expect(text).not.toHaveBeenCalled();
  expect(dialog().textContent).toContain("It has 3 MiB, at most 256 KiB are taken");
  expect([area()?.value, button("Test").disabled]).toEqual(["", true]);
  await give({ name: "b.yaml", size: 9, text: () => Promise.reject(new Error("it was moved")) });
  expect(dialog().textContent).toContain("The file b.yaml cannot be read: it was moved");
  expect(area()?.value).toBe("");
  await give({ name: "c", size: 9, text });
  expect([area()?.value, button("Test").disabled]).toEqual([SECRET, false]);
  expect(dialog().textContent).not.toContain("cannot be read");
});

test("e13: another kubeconfig begins with the namespaces and the context of the one before", async () => {
  const asked = server(({ path }) => ({ body: path === TEST ? usable : cluster("eu") }));
  await shown(<KubeconfigDialog cluster={cluster("eu")} onClose={close} />, MANAGER);
  expect([field("Context").value, field("Namespaces").value]).toEqual(["admin", "shop, bank"]);
  // Taken away on purpose: all are looked at, and the context is the one that was tried, which
  // is the kubeconfig's current one.
  await type("Context", "");
  expect(dialog().textContent).toContain("Where nothing is given: its current one.");
  expect(dialog().textContent).not.toContain("the one before");
  await type("Namespaces", "");
  await paste(SECRET);
  await press("Test");
  expect(asked.at(-1)?.body).toEqual({ kubeconfig: SECRET });
  await press("Replace");
  expect(asked.at(-1)?.body).toEqual({
    kubeconfig: SECRET,
    context: "admin",
    namespaces: [],
    at_once: 20,
  });
});

test("e13: a kubeconfig that cannot be used replaces none", async () => {
  let isUsable = false;
  const asked = server(({ path }) => ({
    body: path === TEST ? (isUsable ? usable : refused) : cluster("eu"),
  }));
  await shown(<KubeconfigDialog cluster={cluster("eu")} onClose={close} />, MANAGER);
  await paste(SECRET);
  await press("Test");
  expect(button("Replace").disabled).toBe(true);
  isUsable = true;
  await press("Test");
  await press("Replace");
  expect(asked.at(-1)).toEqual({
    path: "/api/v1/clusters/id-eu/kubeconfig",
    body: { kubeconfig: SECRET, context: "admin", namespaces: ["shop", "bank"], at_once: 20 },
  });
  expect(closed).toBe(1);
});

test("removing asks first, says what stays, and tells why it was refused", async () => {
  let isManaged = true;
  const asked = server(() => (isManaged ? refusal(409, "provider_conflict") : { status: 204 }));
  let gone = 0;
  const away = () => {
    gone += 1;
  };
  await shown(<ClusterVerbs cluster={cluster("eu")} onRemoved={away} />, MANAGER);
  await press("Remove");
  expect(asked).toEqual([]);
  expect(dialog().textContent).toContain("Nothing in the cluster is touched");
  const confirm = () =>
    act(async () => dialog().querySelector<HTMLElement>("button.pf-m-danger")?.click());
  await confirm();
  await pass();
  expect(alertCode()).toBe("provider_conflict");
  expect(gone).toBe(0);
  isManaged = false;
  await confirm();
  await pass();
  expect(asked.at(-1)).toEqual({ path: "/api/v1/clusters/id-eu", body: undefined });
  expect(gone).toBe(1);
});
