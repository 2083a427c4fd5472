// Nobody is kept out: axe finds nothing serious on any page in either theme.
import { expect, test } from "vitest";
import { faults, settled, still } from "./axe";
import { stories } from "./browser";
import { newVm, vmsIn, waitingVms } from "./fleet";
import { alertPath, pathOfOne } from "./places";

const PAGES = [
  "/vms",
  "/vms/new",
  "/adoption",
  "/adoption?show=ignored",
  "/adoption?show=all",
  "/hosts",
  "/charts",
  "/charts?tab=agents",
  "/charts?tab=outputs",
  "/alerts",
  "/alerts?tab=history",
  "/alerts?tab=silences",
  "/alerts?tab=rules",
  "/alerts?tab=receivers",
  "/runbooks/HostlerVmEmulated",
  "/storage",
  "/networks",
  "/images",
  "/templates",
  "/operations?ops=true",
  "/migrations",
  "/events",
  "/clusters",
  "/providers",
];

const story = stories();

test.each(PAGES)("%s has no serious fault", async (path) => {
  await story.open(path);
  await settled(story);
  expect(await faults(story)).toEqual([]);
});

test("what is pushed has no serious fault", async () => {
  await story.change("POST", "/api/v1/metrics/custom", {
    samples: [{ name: "story_room_celsius", value: 21.5, labels: { room: "north" } }],
  });
  await story.open("/charts?tab=custom");
  await story.page.locator('[data-row="story_room_celsius"]').waitFor();
  await settled(story);
  expect(await faults(story)).toEqual([]);
});

test("a VM's tabs have no serious fault", async () => {
  const [vm] = await vmsIn(story, "running");
  for (const tab of [
    "overview",
    "metrics",
    "outlook",
    "disks",
    "network",
    "snapshots",
    "migrations",
    "config",
    "events",
    "operations",
  ]) {
    await story.open(`/vms/${vm?.id}?tab=${tab}`);
    await settled(story);
    expect(await faults(story), tab).toEqual([]);
  }
});

test("a VM that is only observed, and one that was adopted, have no serious fault", async () => {
  const [waiting] = await waitingVms(story, 1);
  const id = waiting?.vm.id;
  await story.open(`/vms/${id}`);
  await settled(story);
  await story.page.getByText("Hostler only observes this VM").waitFor();
  expect(await faults(story), "observed").toEqual([]);
  const request = { read_only: true, reason: "a story" };
  await story.change("POST", `/api/v1/admin/pending-adoptions/${id}/adopt`, request);
  await story.page.locator(".vm-head .tag", { hasText: "read only" }).waitFor();
  await still(story);
  expect(await faults(story), "adopted").toEqual([]);
});

test("the serial console has no serious fault", async () => {
  const vm = await newVm(story, true);
  await story.open(`/vms/${vm.id}?tab=console&console=serial`);
  await story.page.locator(".terminal .xterm-screen").waitFor();
  expect(await faults(story)).toEqual([]);
});

test.each(["hosts", "clusters", "pools", "networks", "templates", "operations"])(
  "a page of one of the %s has no serious fault",
  async (name) => {
    await story.open(await pathOfOne(story, name));
    await settled(story);
    expect(await faults(story)).toEqual([]);
  },
);

test("what a cluster can has no serious fault", async () => {
  await story.open(`${await pathOfOne(story, "clusters")}?tab=features&features=Sidecar,GPU`);
  await settled(story);
  await story.page.getByText("It lacks something of that").waitFor();
  await still(story);
  expect(await faults(story)).toEqual([]);
});

test.each(["hosts", "pools"])("the outlook of one of the %s has no serious fault", async (name) => {
  await story.open(`${await pathOfOne(story, name)}?tab=outlook`);
  await settled(story);
  await story.page.getByRole("heading", { name: "In use, and where it tends" }).waitFor();
  expect(await faults(story)).toEqual([]);
});

test("a page of one of the alerts has no serious fault", async () => {
  await story.open(await alertPath(story));
  await settled(story);
  await story.page.getByRole("heading", { name: "Rule", exact: true }).waitFor();
  await still(story);
  expect(await faults(story)).toEqual([]);
});

test("the screen and a console in a window of its own have no serious fault", async () => {
  const vm = await newVm(story, true);
  for (const path of [`/vms/${vm.id}?tab=console&console=vnc`, `/vms/${vm.id}/console/vnc`]) {
    await story.open(path);
    await story.page.locator(".screen[data-phase=open] canvas").waitFor();
    expect(await faults(story), path).toEqual([]);
  }
});

test("what is said to who is not logged in, and to a wrong address", async () => {
  story.expectStatus(401);
  await story.open("/nowhere");
  await settled(story);
  expect(await faults(story)).toEqual([]);
  await story.context.clearCookies();
  await story.open("/vms");
  await story.page.getByRole("heading", { name: "Log in to Hostler" }).waitFor();
  await settled(story);
  expect(await faults(story)).toEqual([]);
});
