// What a VM's page says of how it came into care, and to whom it offers what.
import { expect, test } from "vitest";
import type { Vm } from "../../../api/types";
import { shown } from "../../../testing/page";
import { AdoptedTag } from "./AdoptedTag";
import { AdoptionNotice } from "./AdoptionNotice";

const vm = { id: "7", name: "web", managed: false };

test("x30: a VM that is only observed says so, and is offered to who may adopt it", async () => {
  const { place, again } = await shown(<AdoptionNotice vm={vm} />);
  expect(place.textContent).toContain("Hostler only observes this VM");
  expect([...place.querySelectorAll("button")].map((it) => it.textContent)).toEqual(["Adopt"]);
  await again(<AdoptionNotice vm={{ ...vm, managed: true }} />);
  expect(place.textContent).toBe("");
});

test("x30: who may not adopt is told what it is and offered nothing", async () => {
  const { place } = await shown(<AdoptionNotice vm={vm} />, ["vm.read"]);
  expect(place.textContent).toContain("Hostler only observes this VM");
  expect(place.querySelector("button")).toBeNull();
});

test("x31: what was adopted is marked, with who, when and why", async () => {
  const adopted: Vm["adopted"] = {
    by: "local:ann",
    at: "2026-11-22T06:00:00Z",
    read_only: true,
    reason: "moved",
  };
  const { place, again } = await shown(<AdoptedTag adopted={adopted} />);
  expect(place.textContent).toBe("read only");
  expect(place.querySelector(".tag")?.getAttribute("title")).toMatch(
    /^adopted for reading only by local:ann, .*: moved$/,
  );
  await again(<AdoptedTag adopted={{ ...adopted, read_only: false, reason: null }} />);
  expect(place.textContent).toBe("adopted");
  await again(<AdoptedTag adopted={null} />);
  expect(place.textContent).toBe("");
});
