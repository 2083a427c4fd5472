// What a VM's page says of a tool that keeps it.
import { expect, test } from "vitest";
import type { Vm, VmObserved } from "../../../api/types";
import { shown } from "../../../testing/page";
import { KeptNotice } from "./KeptNotice";

const actions: Vm["actions"] = {
  start: { allowed: false, reason: "it runs" },
  stop: { allowed: true, warning: "argocd starts it again" },
};

function seen(kept_by: VmObserved["kept_by"]): Pick<Vm, "observed" | "actions"> {
  return { observed: { kept_by } as VmObserved, actions };
}

test("x25: who keeps a VM is named, with what will be turned back", async () => {
  const argocd = { tool: "argocd", name: "shop:web", evidence: "annotation x" };
  const { place } = await shown(<KeptNotice vm={seen([argocd])} />);
  expect(place.textContent).toContain("Kept by argocd (shop:web)");
  expect(place.textContent).toContain("its annotation x");
  expect(place.textContent).toContain("Stop: argocd starts it again");
  expect(place.textContent).not.toContain("Start:");
});

test("x25: of a VM that nobody keeps nothing is said", async () => {
  const { place, again } = await shown(<KeptNotice vm={seen([])} />);
  expect(place.textContent).toBe("");
  await again(<KeptNotice vm={{ observed: null, actions: {} }} />);
  expect(place.textContent).toBe("");
});
