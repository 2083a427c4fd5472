// Adopting one VM: what is said before, what is asked, and where a refusal stands.
import { act } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { keys } from "../../api/query";
import { button, dialog, faultAt, field, pass, press, shown, type } from "../../testing/page";
import { refusal, server } from "../../testing/server";
import { AdoptDialog } from "./AdoptDialog";
import { planned } from "./adoption.fixture";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const PLAN = "/api/v1/admin/pending-adoptions/7/plan";
const ADOPT = "/api/v1/admin/pending-adoptions/7/adopt";

async function opened(name = "web") {
  let closed = 0;
  const close = () => {
    closed += 1;
  };
  const all = await shown(<AdoptDialog vm={{ id: "7", name }} onClose={close} />);
  await pass();
  return { ...all, closed: () => closed };
}

test("e19: what would be written down is shown, and that nothing of the VM changes", async () => {
  const asked = server(() => ({ body: planned("web") }));
  await opened();
  expect(asked).toEqual([{ path: PLAN, body: { read_only: false } }]);
  const text = dialog().textContent;
  expect(text).toContain("Nothing of the VM changes");
  for (const said of ["web", "default", "2, at most 4", "2 GiB", "uefi", "pc-q35-7.2", "yes"]) {
    expect(text).toContain(said);
  }
  expect(text).toContain("No risk is known.");
  expect(button("Adopt").disabled).toBe(false);
  expect(field("Name").required).toBe(false);
});

test("e19: which VM it is stands there: its place, its lasting name, what it belongs to", async () => {
  server(() => ({ body: planned("web") }));
  const vm = {
    id: "7",
    name: "web",
    provider: { id: "p", name: "edge" },
    host: { id: "h", name: "node-1" },
    namespace: "prod",
    governance: { system: "shop", service: null, instance: "carts-7" },
    external_ref: "0f3c6f4e-uid",
  };
  await shown(<AdoptDialog vm={vm} onClose={() => {}} />);
  await pass();
  const told = [...dialog().querySelectorAll("[aria-label='Which VM it is'] dl > div")];
  expect(told.map(({ textContent }) => textContent)).toEqual([
    "Provideredge",
    "Hostnode-1",
    "Namespaceprod",
    "Systemshop",
    "Instancecarts-7",
    "Lasting name0f3c6f4e-uid",
  ]);
});

test("x30: each risk is told, and one that forbids keeps the button still", async () => {
  const risks = [
    { code: "transient", detail: "it is transient", forbids: false },
    { code: "not_read", detail: "it could not be read yet", forbids: true },
  ];
  server(() => ({ body: planned("web", risks) }));
  await opened();
  const told = [...dialog().querySelectorAll(".risks li")].map(({ textContent }) => textContent);
  expect(told).toEqual([
    "to knowit is transient transient",
    "stands in the wayit could not be read yet not_read",
  ]);
  expect(button("Adopt").disabled).toBe(true);
});

test("x30: a name that cannot be taken is needed anew, and the plan is asked again", async () => {
  const name = "my VM (old)";
  const forbids = { code: "not_possible", detail: "name is none", forbids: true };
  const asked = server(({ body }) => {
    const given = (body as { name?: string }).name;
    return { body: planned(given ?? name, given ? [] : [forbids]) };
  });
  await opened(name);
  expect(field("Name").value).toBe(name);
  expect(field("Name").required).toBe(true);
  expect(faultAt("Name")).toContain("letters");
  expect(button("Adopt").disabled).toBe(true);
  for (const text of ["m", "my", "my-vm"]) await type("Name", text);
  // Until the answer is there, what is known is of another name.
  expect(button("Adopt").disabled).toBe(true);
  await pass();
  expect(asked.map(({ body }) => body)).toEqual([
    { read_only: false },
    { name: "my-vm", read_only: false },
  ]);
  expect(faultAt("Name")).toBeUndefined();
  expect(button("Adopt").disabled).toBe(false);
});

test("the project and reading only are asked about, the reason is not", async () => {
  const asked = server(() => ({ body: planned("web") }));
  await opened();
  await type("Project", "lab");
  await pass();
  await act(async () => dialog().querySelector<HTMLElement>("input[type=checkbox]")?.click());
  await pass();
  await type("Why", "moved");
  await pass();
  expect(asked.map(({ body }) => body)).toEqual([
    { read_only: false },
    { project: "lab", read_only: false },
    { project: "lab", read_only: true },
  ]);
});

test("e20: it is adopted as asked, and its page has it at once", async () => {
  const asked = server(({ path }) =>
    path === ADOPT ? { body: { id: "7", name: "ours", managed: true } } : { body: planned("ours") },
  );
  const { queries, closed } = await opened();
  await type("Name", "ours");
  await type("Why", " moved ");
  await pass();
  await press("Adopt");
  expect(asked.at(-1)).toEqual({
    path: ADOPT,
    body: { name: "ours", read_only: false, reason: "moved" },
  });
  expect(closed()).toBe(1);
  expect(queries.getQueryData(keys.item("vms", "7"))).toMatchObject({ data: { managed: true } });
});

test("a name that is taken is said at the name, and goes with the next one", async () => {
  server(({ body }) =>
    (body as { name?: string }).name ? { body: planned("web-2") } : refusal(409, "vm_exists"),
  );
  await opened();
  expect(faultAt("Name")).toBe("vm_exists detail");
  expect(dialog().querySelector("[data-code]")).toBeNull();
  expect(button("Adopt").disabled).toBe(true);
  await type("Name", "web-2");
  expect(faultAt("Name")).toBeUndefined();
  await pass();
  expect(button("Adopt").disabled).toBe(false);
});

test("what the server refuses stands at its field and whole, until something is changed", async () => {
  server(({ path }) =>
    path === ADOPT
      ? refusal(400, "spec_invalid", [
          { pointer: "/reason", code: "not_text", detail: "has control characters" },
        ])
      : { body: planned("web") },
  );
  const { closed } = await opened();
  await type("Why", "x");
  await press("Adopt");
  expect(faultAt("Why")).toBe("has control characters");
  expect(dialog().querySelector("[data-code=spec_invalid]")).not.toBeNull();
  expect(closed()).toBe(0);
  await type("Why", "y");
  expect(faultAt("Why")).toBeUndefined();
  expect(dialog().querySelector("[data-code]")).toBeNull();
});

test("x17: where nobody can tell what would be written down, nothing is adopted blindly", async () => {
  let isThere = false;
  server(() => (isThere ? { body: planned("web") } : refusal(409, "vm_state_unknown")));
  await opened();
  expect(dialog().querySelector("[data-code=vm_state_unknown]")).not.toBeNull();
  expect(button("Adopt").disabled).toBe(true);
  isThere = true;
  await press("Ask again");
  expect(button("Adopt").disabled).toBe(false);
});
