// Leaving alone, letting go and deciding about many: what is needed, what is asked, and
// what is told of each.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { AdoptionAction, PendingAdoption } from "../../api/types";
import { button, dialog, faultAt, pass, press, shown, type } from "../../testing/page";
import { refusal, server } from "../../testing/server";
import { verbsOf } from "./AdoptionMenu";
import { pending } from "./adoption.fixture";
import { DecideDialog } from "./DecideDialog";
import { IgnoreDialog } from "./IgnoreDialog";
import { ReleaseDialog } from "./ReleaseDialog";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

let closed = 0;
beforeEach(() => {
  closed = 0;
});
const close = () => {
  closed += 1;
};

const MANY = "/api/v1/admin/pending-adoptions";

test("x31: to leave a VM alone needs a reason", async () => {
  const asked = server(() => ({ body: pending("web") }));
  await shown(<IgnoreDialog vm={{ id: "7", name: "web" }} onClose={close} />);
  expect(dialog().textContent).toContain("Nothing of the VM changes");
  expect(button("Leave alone").disabled).toBe(true);
  await type("Why", "  ");
  expect(button("Leave alone").disabled).toBe(true);
  await type("Why", "x".repeat(513));
  expect(faultAt("Why")).toBe("At most 512 characters");
  expect(button("Leave alone").disabled).toBe(true);
  await type("Why", " not ours ");
  await press("Leave alone");
  expect(asked).toEqual([{ path: `${MANY}/7/ignore`, body: { reason: "not ours" } }]);
  expect(closed).toBe(1);
});

test("x31: where leaving alone is refused, it is said and the dialog stays", async () => {
  server(() => refusal(409, "vm_wrong_state"));
  await shown(<IgnoreDialog vm={{ id: "7", name: "web" }} onClose={close} />);
  await type("Why", "not ours");
  await press("Leave alone");
  expect(dialog().querySelector("[data-code=vm_wrong_state]")).not.toBeNull();
  expect(closed).toBe(0);
});

test("x30: who releases a VM is told what is forgotten, and that the VM stays as it is", async () => {
  const asked = server(() => ({ status: 204 }));
  await shown(<ReleaseDialog vm={{ id: "7", name: "web" }} onClose={close} />);
  const text = dialog().textContent;
  expect(text).toContain("Nothing of the VM changes");
  expect(text).toContain("description, labels and project are forgotten");
  await press("Release");
  expect(asked).toEqual([{ path: "/api/v1/vms/7/release", body: undefined }]);
  expect(closed).toBe(1);
});

async function deciding(action: AdoptionAction, rows: PendingAdoption[]) {
  const all = await shown(<DecideDialog action={action} rows={rows} onClose={close} />);
  const answers = () =>
    [...dialog().querySelectorAll(".answers li")].map(({ textContent }) => textContent);
  return { ...all, answers };
}

test("x31: of many, each is told what became of it", async () => {
  const [one, two] = [pending("one"), pending("Not A Name!", { adoptable: false })];
  const asked = server(({ body }) => ({
    body: {
      results: (body as { vms: string[] }).vms.map((vm) =>
        vm === one.vm.id
          ? { vm, done: true }
          : { vm, done: false, code: "vm_not_adoptable", error: "name is none" },
      ),
    },
  }));
  const { answers, again } = await deciding("adopt_read_only", [one, two]);
  expect(dialog().textContent).toContain("1 VM of them cannot be adopted as things are now");
  await type("Project", "lab");
  await press("Adopt for reading only");
  expect(asked).toEqual([
    {
      path: MANY,
      body: { action: "adopt_read_only", vms: [one.vm.id, two.vm.id], project: "lab" },
    },
  ]);
  const told = ["one adopted", "Not A Name! refused: name is none vm_not_adoptable"];
  expect(answers()).toEqual(told);
  expect(dialog().textContent).toContain("1 adopted, 1 refused");
  // What is decided leaves the list, and stays in what is told.
  await again(<DecideDialog action="adopt_read_only" rows={[two]} onClose={close} />);
  expect(answers()).toEqual(told);
});

test("x31: many are left alone for one reason, and in no project", async () => {
  const asked = server(({ body }) => ({
    body: { results: (body as { vms: string[] }).vms.map((vm) => ({ vm, done: true })) },
  }));
  const { answers } = await deciding("ignore", [pending("one"), pending("two")]);
  expect(button("Leave alone").disabled).toBe(true);
  expect(dialog().textContent).not.toContain("Project");
  await type("Why", "not ours");
  await press("Leave alone");
  expect(asked.map(({ body }) => body)).toEqual([
    { action: "ignore", vms: ["id-one", "id-two"], reason: "not ours" },
  ]);
  expect(answers()).toEqual(["one left alone", "two left alone"]);
});

test("more than a request takes are asked about in parts; a part that fails fails alone", async () => {
  const rows = Array.from({ length: 101 }, (_, index) => pending(`vm-${index}`));
  const asked = server(({ body }) => {
    const { vms } = body as { vms: string[] };
    if (vms.length === 100) return refusal(403, "permission_denied");
    return { body: { results: vms.map((vm) => ({ vm, done: true })) } };
  });
  const { answers } = await deciding("adopt", rows);
  expect(dialog().textContent).toContain("vm-11 and 89 more");
  await press("Adopt");
  await pass();
  expect(asked.map(({ body }) => (body as { vms: string[] }).vms.length)).toEqual([100, 1]);
  expect(answers()).toHaveLength(101);
  expect(answers()[0]).toBe("vm-0 refused: permission_denied detail permission_denied");
  expect(answers()[100]).toBe("vm-100 adopted");
});

test("x31: what is left alone is offered again, or adopted all the same", () => {
  expect(verbsOf({ status: "pending" })).toEqual(["adopt", "ignore"]);
  expect(verbsOf({ status: "ignored" })).toEqual(["adopt", "offer"]);
  expect(verbsOf({ status: "adopted" })).toEqual(["release"]);
});
