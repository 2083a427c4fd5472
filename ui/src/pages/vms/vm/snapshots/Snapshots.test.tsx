// A VM's snapshots: what is told of each, what can be done and why not, and what is sent.
import { act } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Snapshot, Vm } from "../../../../api/types";
import {
  alertCode,
  button,
  choose,
  dialog,
  pass,
  press,
  reasonOf,
  shown,
  type,
} from "../../../../testing/page";
import { refusal, server } from "../../../../testing/server";
import { Snapshots } from "./Snapshots";
import { known, snapshot, untold, vmThatIs } from "./snapshots.fixture";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const LIST = "/api/v1/vms/1/snapshots";
const MAY = ["vm.snapshot"];
const accepted = { id: "op", kind: "snapshot.create", state: "running", resources: [] };

async function opened(all: Snapshot[], vm: Vm = vmThatIs("running"), permissions = MAY) {
  const asked = server(({ path, body }) =>
    path === LIST && body === undefined
      ? { body: { items: all, stale: false, next_cursor: null } }
      : { status: 202, body: accepted },
  );
  const { place } = await shown(<Snapshots vm={vm} />, permissions);
  await pass();
  const rows = () =>
    [...place.querySelectorAll("tbody tr")].map((row) =>
      [...row.querySelectorAll("td")].map((cell) => cell.textContent?.trim()),
    );
  const labelled = (label: string) =>
    place.querySelector<HTMLButtonElement>(`button[aria-label="${label}"]`);
  return { asked, place, rows, labelled };
}

const confirm = async (text: string) => {
  const found = [...dialog().querySelectorAll("footer button")].find(
    ({ textContent }) => textContent === text,
  );
  await act(async () => (found as HTMLElement).click());
  await pass();
};

test("each says how it truly came out, what it holds and what not, and what it grew from", async () => {
  const { rows } = await opened([
    snapshot("first", { consistency: known("quiesced"), disks_left_out: known(["seed"]) }),
    snapshot("second", {
      id: null,
      parent: "ref-first",
      is_current: known(true),
      content: known("disks_and_memory"),
      consistency: known("memory"),
      description: "before the upgrade",
    }),
    snapshot("third", {
      parent: "ref-gone",
      consistency: untold("the provider does not tell"),
      taken_at: untold("not told"),
    }),
  ]);
  const [first, second, third] = rows();
  expect(first?.slice(3, 8)).toEqual([
    "file systems at rest",
    "disks only (root)",
    "seed",
    "none: the first",
    "Hostler",
  ]);
  expect(second?.[0]).toBe("second currentbefore the upgrade");
  expect(second?.slice(3, 8)).toEqual([
    "with its memory",
    "disks and memory (root)",
    "nothing",
    "first",
    "somebody else",
  ]);
  expect(third?.slice(2, 4)).toEqual(["no data: not told", "no data: the provider does not tell"]);
  expect(third?.[6]).toBe("no data: the one it grew from is not listed");
});

test("where there is no tree that is said, with the reason", async () => {
  const { rows } = await opened([
    snapshot("flat", { is_current: untold("KubeVirt's snapshots do not know each other") }),
  ]);
  expect(rows()[0]?.[6]).toBe("no data: KubeVirt's snapshots do not know each other");
});

test("a provider without snapshots is named with the group that it lacks", async () => {
  server(() => refusal(422, "capability_missing"));
  const { place } = await shown(<Snapshots vm={vmThatIs("running")} />, MAY);
  await pass();
  expect(place.textContent).toContain("The provider eu lacks the group snapshots");
  expect(place.querySelector("button")).toBeNull();
});

test("what is refused says why: by the VM's actions, the snapshot's state, the permission", async () => {
  const vm = vmThatIs("migrating", {
    snapshot: { allowed: false, reason: "the VM is migrating" },
    delete_snapshot: { allowed: false, reason: "Hostler only observes it" },
  });
  const half = snapshot("half", { state: "creating" });
  const { labelled } = await opened([half], vm);
  expect(await reasonOf(button("Take snapshot"))).toBe("the VM is migrating");
  expect(await reasonOf(labelled("Go back to half"))).toBe("it is creating");
  expect(await reasonOf(labelled("Delete half"))).toBe("Hostler only observes it");
  const reader = await opened([snapshot("one")], vmThatIs("running"), []);
  expect(await reasonOf(reader.labelled("Delete one"))).toContain(
    "lacks the permission vm.snapshot",
  );
});

test("one is taken as it was chosen, and a name that is taken is refused before", async () => {
  const { asked } = await opened([snapshot("old")]);
  await press("Take snapshot");
  await type("Name", "old");
  expect(button("Take").disabled).toBe(true);
  expect(dialog().textContent).toContain("It has one of that name");
  await type("Name", "new");
  await type("Description", "before");
  const quiesce = dialog().querySelector("select")?.id ?? "";
  await choose(quiesce, "required");
  await press("Take");
  expect(asked).toEqual([
    {
      path: LIST,
      body: { name: "new", description: "before", content: "disks", quiesce: "required" },
    },
  ]);
  expect(document.querySelector("[role=dialog]")).toBeNull();
});

test("memory of a VM that is off is not offered, and says why", async () => {
  await opened([], vmThatIs("stopped"));
  await press("Take snapshot");
  expect(dialog().querySelector<HTMLInputElement>("input[type=checkbox]")?.disabled).toBe(true);
  expect(dialog().querySelector("select")?.disabled).toBe(true);
  expect(dialog().textContent).toContain("The VM is off and has no memory.");
});

const limited = {
  ...vmThatIs("running"),
  snapshot_limits: {
    live: true,
    memory: false,
    quiesce: false,
    tree: false,
    reverts_live: false,
    max_per_vm: 2,
  },
};

test("what the provider's snapshots cannot do is not offered, with the reason", async () => {
  await opened([snapshot("one")], limited);
  await press("Take snapshot");
  expect(dialog().querySelector<HTMLInputElement>("input[type=checkbox]")?.disabled).toBe(true);
  expect(dialog().textContent).toContain("Its provider's snapshots hold disks only.");
  expect(dialog().textContent).toContain("Its provider cannot bring guests to rest.");
});

test("going back is not offered where the provider refuses it", async () => {
  const { labelled } = await opened([snapshot("one")], limited);
  const reason = "Its provider puts back stopped VMs only: stop it first";
  expect(await reasonOf(labelled("Go back to one"))).toBe(reason);
});

test("a VM that failed is off: it has no memory, and can be gone back to", async () => {
  const failed = { ...limited, ...vmThatIs("failed"), snapshot_limits: limited.snapshot_limits };
  const { labelled } = await opened([snapshot("one")], failed);
  expect(labelled("Go back to one")?.getAttribute("aria-disabled")).not.toBe("true");
  await press("Take snapshot");
  expect(dialog().textContent).toContain("The VM is off and has no memory.");
});

test("a VM that has as many as it can have gets no more, with the reason", async () => {
  await opened([snapshot("one"), snapshot("two")], limited);
  expect(await reasonOf(button("Take snapshot"))).toBe("It has 2, and can have 2");
});

test("what the provider cannot do it says, and the dialog stays", async () => {
  await opened([]);
  server(() => refusal(422, "capability_missing"));
  await press("Take snapshot");
  await type("Name", "new");
  await act(async () => dialog().querySelector<HTMLInputElement>("input[type=checkbox]")?.click());
  await press("Take");
  expect(alertCode()).toBe("capability_missing");
});

test("going back says what is lost and wants the VM's name; a refusal stands there", async () => {
  const { asked, labelled } = await opened([snapshot("one", { reference: "ns/one 1" })]);
  await act(async () => labelled("Go back to one")?.click());
  expect(dialog().textContent).toContain("is lost");
  expect(dialog().textContent).toContain("its power is cut");
  await confirm("Go back");
  expect(asked).toEqual([]);
  await type("Type web to confirm", "web");
  server(() => refusal(409, "vm_wrong_state"));
  await confirm("Go back");
  expect(alertCode()).toBe("vm_wrong_state");
  const sent = server(() => ({ status: 202, body: accepted }));
  await confirm("Go back");
  // By its reference, which is of it alone.
  expect(sent[0]?.path).toBe(`${LIST}/ns%2Fone%201/revert`);
});

test("one is deleted after a question", async () => {
  const { asked, labelled } = await opened([snapshot("one")]);
  await act(async () => labelled("Delete one")?.click());
  expect(dialog().textContent).toContain("The VM stays as it is");
  await confirm("Delete");
  expect(asked).toEqual([{ path: `${LIST}/ref-one`, body: undefined }]);
});
