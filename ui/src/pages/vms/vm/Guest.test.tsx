// What a VM's page says of what its guest says.
import { expect, test } from "vitest";
import { shown } from "../../../testing/page";
import { Guest } from "./Guest";

const seen = { quality: "ok", source: "guest_agent", observed_at: "2026-11-22T06:00:00Z" };

test("e8: a guest's system and kernel are shown as its own words", async () => {
  const value = {
    system: "Debian GNU/Linux 12 (bookworm)",
    kernel_release: "6.1.0",
    kernel_version: "#1 SMP",
    machine: "x86_64",
  };
  const { place } = await shown(<Guest fact={{ ...seen, value }} />);
  expect(place.textContent).toContain("Guest, in its own words");
  expect(place.textContent).toContain("Debian GNU/Linux 12 (bookworm)");
  expect(place.textContent).toContain("6.1.0, #1 SMP");
  expect(place.querySelector("[title*=guest_agent]")).not.toBeNull();
  expect(place.textContent).toContain("the guest does not say");
});

test("x17: why a guest says nothing is told, and no empty rows", async () => {
  const reason = "no guest agent is connected";
  const fact = { quality: "unavailable", source: "guest_agent", reason, value: null };
  const { place, again } = await shown(<Guest fact={fact} />);
  expect(place.textContent).toContain(reason);
  expect(place.textContent).not.toContain("Kernel");
  await again(<Guest fact={null} />);
  expect(place.textContent).toContain("never seen");
});
