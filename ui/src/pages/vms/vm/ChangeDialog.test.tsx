// What a change would do is shown before it can be made, and fields of others are taken over
// only by whoever says so.
import { act } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { VmSpec } from "../../../api/types";
import {
  alertCode,
  button,
  dialog,
  faultAt,
  pass,
  press,
  shown,
  type,
} from "../../../testing/page";
import { refusal, server } from "../../../testing/server";
import { ChangeDialog } from "./ChangeDialog";
import { vmThatIs } from "./snapshots/snapshots.fixture";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const GIB = 1024 ** 3;
const SPEC = {
  name: "web",
  cpu: { count: 2, max_count: null },
  memory: { bytes: GIB, hugepages: false },
} as unknown as VmSpec;

const MEMORY = {
  path: "/memory/bytes",
  from: GIB,
  to: 2 * GIB,
  takes: "next_start",
  reason: null,
  at_risk: null,
};
const PLAN = { changes: [MEMORY], managed_by_others: [], kept_by: null };
const OTHERS = [{ field: ".spec.template.spec.domain.memory.guest", manager: "kubectl-edit" }];
const ACCEPTED = {
  status: 202,
  body: { id: "op", kind: "vm.change", state: "running", resources: [], note: "later" },
};

async function opened(plan: object, answer: { status: number; body: object } = ACCEPTED) {
  let closed = 0;
  const asked = server(({ path }) => (path.endsWith("/plan") ? { body: plan } : answer));
  const close = () => {
    closed += 1;
  };
  await shown(<ChangeDialog vm={vmThatIs("running")} spec={SPEC} etag={'"3"'} onClose={close} />);
  await pass();
  return { asked, closed: () => closed };
}

const wanted = (take_over: object[] = [], from_gitops = false) => ({
  spec: { ...SPEC, memory: { bytes: 2 * GIB, hugepages: false } },
  take_over,
  from_gitops,
});

test("c20: the plan is shown first, and then made", async () => {
  const { asked, closed } = await opened(PLAN);
  await type("Memory", "2G");
  await press("Show what it does");
  expect(asked).toEqual([{ path: "/api/v1/vms/1/spec/plan", body: wanted() }]);
  expect(dialog().textContent).toContain("Memory1 GiB2 GiBat its next start");
  await press("Change");
  expect(asked[1]).toEqual({ path: "/api/v1/vms/1/spec", body: wanted() });
  expect(closed()).toBe(1);
});

test("x25: fields of others are taken over only by whoever says so", async () => {
  const keeper = { tool: "flux", name: "apps", evidence: "label x" };
  const { asked } = await opened({ ...PLAN, managed_by_others: OTHERS, kept_by: keeper });
  await type("Memory", "2G");
  await press("Show what it does");
  expect(dialog().textContent).toContain("memory.guest is managed by kubectl-edit");
  expect(dialog().textContent).toContain("kept by flux (apps), by its label x");
  expect(button("Change").disabled).toBe(true);
  const box = dialog().querySelector<HTMLInputElement>("#change-take-over");
  await act(async () => box?.click());
  await press("Change");
  expect(asked[1]?.body).toEqual(wanted(OTHERS, true));
});

test("another value has another plan", async () => {
  await opened({ ...PLAN, managed_by_others: OTHERS });
  await type("Memory", "2G");
  await press("Show what it does");
  await type("Memory", "3G");
  expect(dialog().textContent).not.toContain("kubectl-edit");
  expect(button("Show what it does").disabled).toBe(false);
});

test("what cannot be, and what is so already, cannot be asked for", async () => {
  const refused = { ...MEMORY, takes: "refused", reason: "its size is that of its type" };
  await opened({ ...PLAN, changes: [refused] });
  await type("Memory", "lots");
  expect(faultAt("Memory")).toBe("An amount, for example 2 GiB");
  await type("Memory", "2G");
  await press("Show what it does");
  expect(dialog().textContent).toContain("never: its size is that of its type");
  expect(button("Change").disabled).toBe(true);
});

test("data at risk is named, and a refusal is told", async () => {
  const risky = { ...MEMORY, path: "/tpm", at_risk: "what the TPM keeps is lost" };
  await opened({ ...PLAN, changes: [risky] }, refusal(412, "precondition_failed"));
  await press("Show what it does");
  expect(dialog().textContent).toContain("what the TPM keeps is lost");
  await press("Change");
  expect(alertCode()).toBe("precondition_failed");
});

test("x25: a tool that keeps it is named, also where it manages none of these fields", async () => {
  const keeper = { tool: "argocd", name: null, evidence: "annotation x" };
  const { asked } = await opened({ ...PLAN, kept_by: keeper });
  await type("Memory", "2G");
  await press("Show what it does");
  expect(dialog().textContent).toContain("kept by argocd, by its annotation x");
  await press("Change");
  expect(asked[1]?.body).toEqual(wanted([], false));
});
