// Where a VM can go: what speaks against each host, and what is asked for.
import {
  createMemoryHistory,
  createRootRoute,
  createRouter,
  RouterProvider,
} from "@tanstack/react-router";
import { act } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { alertCode, button, dialog, pass, press, shown } from "../../testing/page";
import { refusal, server } from "../../testing/server";
import { MigrateDialog } from "./MigrateDialog";
import { vmThatIs } from "./vm/snapshots/snapshots.fixture";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const HOSTS = [
  { host: { id: "h2", name: "beta" }, refused: null },
  { host: { id: "h3", name: "gamma" }, refused: "the volume default/root is on host alpha alone" },
];

const ACCEPTED = {
  status: 202,
  body: { id: "op", kind: "vm.migrate", state: "running", resources: [] },
};

async function opened(destinations: object, answer: { status: number; body: object } = ACCEPTED) {
  let closed = 0;
  const asked = server(({ path }) =>
    path.endsWith("/destinations") ? { body: destinations } : answer,
  );
  const close = () => {
    closed += 1;
  };
  const root = createRootRoute({
    component: () => <MigrateDialog vm={vmThatIs("running")} onClose={close} />,
  });
  const history = createMemoryHistory({ initialEntries: ["/"] });
  const router = createRouter({ routeTree: root, history });
  await router.load();
  await shown(<RouterProvider router={router as never} />);
  await pass();
  return { asked, history, closed: () => closed };
}

const radio = (name: string) => {
  const found = [...dialog().querySelectorAll(".pf-v6-c-radio")].find(
    (one) => one.querySelector("label")?.textContent === name,
  );
  if (!found) throw new Error(`there is no choice ${name}`);
  return { text: found.textContent, input: found.querySelector("input") as HTMLInputElement };
};

test("each host says what speaks against it; one that would not take it cannot be chosen", async () => {
  const { asked, history, closed } = await opened({
    chosen_by_provider: true,
    blocked: null,
    hosts: HOSTS,
  });
  expect(radio("gamma").text).toContain("the volume default/root is on host alpha alone");
  expect(radio("gamma").input.disabled).toBe(true);
  expect(radio("Let the provider choose").input.checked).toBe(true);
  await act(async () => radio("beta").input.click());
  await press("Migrate");
  expect(asked).toEqual([{ path: "/api/v1/vms/1/migrate", body: { host: "h2" } }]);
  expect(closed()).toBe(1);
  // How it goes on is in the drawer.
  expect(history.location.search).toContain("ops=true");
});

test("without a host the provider chooses", async () => {
  const { asked } = await opened({
    chosen_by_provider: true,
    blocked: null,
    hosts: HOSTS.slice(1),
  });
  expect(dialog().textContent).toContain("none would take it now");
  await press("Migrate");
  expect(asked[0]?.body).toEqual({});
});

test("where the provider chooses none, a host has to be named", async () => {
  const { asked } = await opened({ chosen_by_provider: false, blocked: null, hosts: HOSTS });
  const { input, text } = radio("Let the provider choose");
  expect(input.disabled && !input.checked).toBe(true);
  expect(text).toContain("It chooses none by itself: name one.");
  expect(button("Migrate").disabled).toBe(true);
  await act(async () => radio("beta").input.click());
  await press("Migrate");
  expect(asked[0]?.body).toEqual({ host: "h2" });
});

test("one that cannot be migrated says why, and nothing can be asked for", async () => {
  await opened({ chosen_by_provider: true, blocked: "it has a device of its host", hosts: [] });
  expect(dialog().textContent).toContain("it has a device of its host");
  expect(button("Migrate").disabled).toBe(true);
});

test("what is refused stands there, and the dialog stays", async () => {
  const { closed } = await opened(
    { chosen_by_provider: true, blocked: null, hosts: HOSTS },
    refusal(409, "vm_wrong_state"),
  );
  await press("Migrate");
  expect(alertCode()).toBe("vm_wrong_state");
  expect(closed()).toBe(0);
});
