// Deploying a template: what is asked for, what is previewed, what is sent, and why not.
import {
  createMemoryHistory,
  createRootRoute,
  createRouter,
  RouterProvider,
} from "@tanstack/react-router";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Template, TemplateVersion } from "../../api/types";
import {
  alertCode,
  button,
  dialog,
  faultAt,
  field,
  pass,
  press,
  shown,
  type,
} from "../../testing/page";
import { refusal, server } from "../../testing/server";
import { DeployDialog } from "./DeployDialog";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const TEMPLATE = { id: "t1", name: "web" } as Template;
const VERSION = {
  number: 2,
  state: "active",
  faults: [],
  content: {
    spec: {},
    parameters: [
      { name: "domain", kind: "string", required: true, description: "its domain" },
      { name: "memory", kind: "size", default: "2GiB" },
      { name: "password", kind: "secret", required: true },
    ],
  },
} as unknown as TemplateVersion;

const OPERATION = { id: "op", kind: "vm.create", state: "running", resources: [] };
const DEPLOYED = {
  status: 202,
  body: { template: {}, version: 2, warnings: [], vms: [{ name: "web-1", operation: OPERATION }] },
};
const PREVIEWED = {
  body: {
    template: {},
    version: 2,
    warnings: ["version 2 is deprecated"],
    vms: [{ spec: { name: "web-1" }, cloud_init: { user_data: "password: ********" } }],
  },
};

async function opened(answer: { status?: number; body: object } = DEPLOYED) {
  let closed = 0;
  const asked = server(({ path }) => (path.endsWith("/preview") ? PREVIEWED : answer));
  const close = () => {
    closed += 1;
  };
  const dialogOf = () => <DeployDialog template={TEMPLATE} version={VERSION} onClose={close} />;
  const root = createRootRoute({ component: dialogOf });
  const history = createMemoryHistory({ initialEntries: ["/"] });
  const router = createRouter({ routeTree: root, history });
  await router.load();
  await shown(<RouterProvider router={router as never} />);
  await pass();
  return { asked, history, closed: () => closed };
}

async function filled() {
  await type("domain", "example.org");
  await type("password", "hunter2!");
}

test("c19: what is required has to be there, and a default is shown and not sent", async () => {
  const { asked, closed, history } = await opened();
  expect(button("Deploy").disabled).toBe(true);
  expect(field("memory").placeholder).toBe("2GiB");
  expect(field("password").type).toBe("password");
  await filled();
  await type("How many", "3");
  await press("Deploy");
  const parameters = { domain: "example.org", password: "hunter2!" };
  const body = { version: 2, name: "web-{n}", count: 3, parameters, start: true };
  expect(asked).toEqual([{ path: "/api/v1/templates/t1/deploy", body }]);
  expect(closed()).toBe(1);
  // How each goes on is in the drawer.
  expect(history.location.search).toContain("ops=true");
});

test("c19: a preview tells what would be asked for and makes nothing", async () => {
  const { asked, closed } = await opened();
  await filled();
  await press("Preview");
  expect(asked.map(({ path }) => path)).toEqual(["/api/v1/templates/t1/preview"]);
  expect(dialog().textContent).toContain("version 2 is deprecated");
  expect(dialog().textContent).toContain("password: ********");
  expect(closed()).toBe(0);
  await type("domain", "other.org");
  expect(dialog().textContent).not.toContain("********");
});

test("c19: a count that is none is told at its field, and a refusal by its code", async () => {
  const { closed } = await opened(refusal(409, "vm_exists"));
  await filled();
  for (const wrong of ["0", "101", "x"]) {
    await type("How many", wrong);
    expect(faultAt("How many")).toContain("from 1 to 100");
    expect(button("Deploy").disabled).toBe(true);
  }
  await type("How many", "2");
  await press("Deploy");
  expect(alertCode()).toBe("vm_exists");
  expect(closed()).toBe(0);
});
