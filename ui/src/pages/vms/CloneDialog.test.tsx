// Cloning a VM: what is asked for, of what it can be made, and why not.
import {
  createMemoryHistory,
  createRootRoute,
  createRouter,
  RouterProvider,
} from "@tanstack/react-router";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Vm } from "../../api/types";
import { alertCode, button, choose, dialog, pass, press, shown, type } from "../../testing/page";
import { refusal, server } from "../../testing/server";
import { CloneDialog } from "./CloneDialog";
import { snapshot, vmThatIs } from "./vm/snapshots/snapshots.fixture";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const ACCEPTED = {
  status: 202,
  body: { id: "op", kind: "vm.clone", state: "running", resources: [] },
};
const SNAPSHOTS = [snapshot("s1"), snapshot("half", { state: "creating" })];

interface Given {
  state?: string;
  limits?: Vm["clone_limits"];
  answer?: { status: number; body: object };
}

async function opened({ state = "running", limits, answer = ACCEPTED }: Given = {}) {
  let closed = 0;
  const vm = { ...vmThatIs(state), clone_limits: limits ?? { live: true, snapshots: true } };
  const asked = server(({ path }) => {
    if (path.endsWith("/clone")) return answer;
    return path.endsWith("/snapshots")
      ? { body: { items: SNAPSHOTS, stale: false } }
      : { body: vm };
  });
  const close = () => {
    closed += 1;
  };
  const root = createRootRoute({ component: () => <CloneDialog vm={vm} onClose={close} /> });
  const history = createMemoryHistory({ initialEntries: ["/"] });
  const router = createRouter({ routeTree: root, history });
  await router.load();
  await shown(<RouterProvider router={router as never} />);
  await pass();
  return { asked, history, closed: () => closed };
}

const list = () => dialog().querySelector("select")?.id ?? "";
const choices = () => [...dialog().querySelectorAll("option")];

test("it is made of the VM as it is, unless a snapshot is chosen that is ready", async () => {
  const { asked, history, closed } = await opened();
  expect(button("Clone").disabled).toBe(true);
  expect(choices().map((one) => one.textContent)).toEqual(["What it is now", "Snapshot s1"]);
  expect(dialog().textContent).toContain("as after a power cut");
  await type("Name", "web-2");
  await press("Clone");
  expect(asked).toEqual([{ path: "/api/v1/vms/1/clone", body: { name: "web-2", start: false } }]);
  expect(closed()).toBe(1);
  // How it goes on is in the drawer.
  expect(history.location.search).toContain("ops=true");
});

test("a snapshot is named by its reference", async () => {
  const { asked } = await opened();
  await type("Name", "web-2");
  await choose(list(), "ref-s1");
  expect(dialog().textContent).toContain("Its disks as they were then");
  await press("Clone");
  expect(asked[0]?.body).toEqual({ name: "web-2", snapshot: "ref-s1", start: false });
});

test("where VMs that are on cannot be cloned, only their snapshots are offered", async () => {
  await opened({ limits: { live: false, snapshots: true } });
  await type("Name", "web-2");
  expect(dialog().textContent).toContain("stop it, or choose a snapshot");
  expect(button("Clone").disabled).toBe(true);
  await choose(list(), "ref-s1");
  expect(button("Clone").disabled).toBe(false);
});

test("where snapshots cannot be cloned, none is asked for", async () => {
  await opened({ state: "stopped", limits: { live: false, snapshots: false } });
  expect(choices()).toHaveLength(1);
  expect(dialog().textContent).toContain("Its provider clones no snapshots.");
});

test("it cannot have the name of the VM itself", async () => {
  await opened();
  await type("Name", "web");
  expect(button("Clone").disabled).toBe(true);
  expect(dialog().textContent).toContain("It is the name of the VM itself");
});

test("what is refused stands there, and the dialog stays", async () => {
  const { closed } = await opened({ answer: refusal(409, "vm_exists") });
  await type("Name", "web-2");
  await press("Clone");
  expect(alertCode()).toBe("vm_exists");
  expect(closed()).toBe(0);
});
