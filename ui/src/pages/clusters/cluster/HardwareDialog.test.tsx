// Declaring hardware: what is sent of what was told, declared and typed.
import { act } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ToastProvider } from "../../../components/Toasts";
import { alertCode, choose, dialog, press, shown, type } from "../../../testing/page";
import { refusal, server } from "../../../testing/server";
import { cluster, MANAGER } from "../clusters.fixture";
import { HardwareDialog } from "./HardwareDialog";

let closed = 0;
const close = () => {
  closed += 1;
};

beforeEach(() => {
  vi.useFakeTimers();
  closed = 0;
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("e15: hardware is declared there, not there, or left to the hosts", async () => {
  const asked = server(() => ({ body: cluster("eu") }));
  const declared = cluster("eu", { declared_hardware: { kvm: true, old: false } });
  await shown(<HardwareDialog cluster={declared} onClose={close} />, MANAGER);
  const say = async (name: string, said: string) => {
    const select = [...dialog().querySelectorAll("select")].find((it) =>
      it.id.endsWith(`-${name}`),
    );
    if (!select) throw new Error(`there is no choice for ${name}`);
    await act(async () => {
      select.value = said;
      select.dispatchEvent(new Event("change", { bubbles: true }));
    });
  };
  expect([...dialog().querySelectorAll("select")].map(({ value }) => value)).toEqual([
    "hosts",
    "yes",
    "no",
  ]);
  await say("old", "hosts");
  await type("Other hardware", "nvidia.com/T4");
  // Who types a name means that it is there.
  await press("Declare");
  expect(asked).toEqual([
    {
      path: "/api/v1/clusters/id-eu/hardware",
      // What was declared before and is not changed here is somebody else's to change.
      body: { hardware: { "nvidia.com/T4": true, old: null } },
    },
  ]);
  expect(closed).toBe(1);
});

test("e15: where declaring is refused, it is said", async () => {
  server(() => refusal(400, "spec_invalid"));
  await shown(<HardwareDialog cluster={cluster("eu")} onClose={close} />, MANAGER);
  await press("Declare");
  expect(alertCode()).toBe("spec_invalid");
  expect(closed).toBe(0);
});

test("a name that is typed counts as there unless it is said otherwise, and it is told", async () => {
  const asked = server(() => ({ body: cluster("eu") }));
  await shown(
    <ToastProvider>
      <HardwareDialog cluster={cluster("eu")} onClose={close} />
    </ToastProvider>,
    MANAGER,
  );
  await type("Other hardware", "nvidia.com/T4");
  const last = () => [...dialog().querySelectorAll("select")].at(-1);
  expect(last()?.value).toBe("yes");
  await choose(last()?.id ?? "", "no");
  await press("Declare");
  expect(asked[0]?.body).toEqual({ hardware: { "nvidia.com/T4": false } });
  expect(document.body.textContent).toContain("Hardware of eu: declared");
});
