// What the dialogs of collection say, and what they do not make up.
import { QueryClientProvider } from "@tanstack/react-query";
import { expect, test } from "vitest";
import { makeQueryClient } from "../../api/query";
import type { Agent, OutputStatus } from "../../api/types";
import { rendered } from "../../testing/rendered";
import { AgentDialog } from "./AgentDialog";
import { OutputDialog } from "./OutputDialog";

/** Names and values as they stand in the dialog. */
async function items(node: React.ReactNode): Promise<Record<string, string>> {
  await rendered(<QueryClientProvider client={makeQueryClient()}>{node}</QueryClientProvider>);
  const groups = document.querySelectorAll("[role=dialog] .pf-v6-c-description-list__group");
  return Object.fromEntries(
    [...groups].map((group) => [
      group.querySelector("dt")?.textContent ?? "",
      group.querySelector("dd")?.textContent ?? "",
    ]),
  );
}

const silent: Agent = {
  name: "h2",
  kind: "agent",
  address: "https://h2:9177",
  state: "refused",
  reason: "https://h2:9177 does not take the token of /etc/hostler/h2.token",
  joined: "unknown",
  interval_seconds: 5,
  sources: [],
  left_out: {},
};

test("x17: of an agent that was never heard nothing is told but why", async () => {
  const told = await items(<AgentDialog agent={silent} onClose={() => {}} />);
  expect(told).toEqual({
    State: "refused",
    Why: silent.reason,
    "Asked at": "https://h2:9177",
    "Asked every": "5 s",
    Heard: "never",
    Machine: "— not heard yet",
    Version: "—",
    "Runs since": "—",
    "Its clock": "—",
    "Left out": "nothing",
  });
  expect(document.querySelector("[role=dialog] table")).toBeNull();
});

test("x17: what an agent told that is not heard any more is said to be old", async () => {
  const lost: Agent = { ...silent, heard_at: "2026-11-22T00:00:00Z", version: "0.1.0" };
  const told = await items(<AgentDialog agent={lost} onClose={() => {}} />);
  expect(told.Heard).toMatch(/^\d+ \w+ ago$/);
  const says = document.querySelector("[role=dialog]")?.textContent;
  expect(says).toContain("What it told is as old as the time since it was last heard.");
});

test("an agent's failures are named, each with its source", async () => {
  const agent: Agent = {
    ...silent,
    state: "ok",
    reason: null,
    machine: "h2",
    joined: "unclear",
    joined_reason: "two hosts are named h2: set `host`",
    left_out: { twice: 3, not_its_own: 0, a_later_word: 1 },
    sources: [
      { source: "kernel", pass: "stats", age_seconds: 2, interval_seconds: 5 },
      {
        source: "docker",
        pass: "stats",
        age_seconds: null,
        interval_seconds: 10,
        failure: "permission denied",
      },
    ],
  };
  const told = await items(<AgentDialog agent={agent} onClose={() => {}} />);
  expect(told.Machine).toContain("unclear");
  expect(told.Machine).toContain("set `host`");
  expect(told["Left out"]).toBe("3 told twice1 a later word");
  const rows = [...document.querySelectorAll("[role=dialog] tbody tr")].map((row) =>
    [...row.querySelectorAll("td")].map((cell) => cell.textContent),
  );
  expect(rows).toEqual([
    ["kernel", "stats", "5 s", "2 s ago", "it did not"],
    ["docker", "stats", "10 s", "never", "permission denied"],
  ]);
});

const output: OutputStatus = {
  name: "central",
  kind: "remote_write",
  target: "https://prometheus.example.org",
  state: "untried",
  waiting: { samples: 0, bytes: 0 },
  sent: 0,
  failed_tries: 0,
  dropped: { full: 0, old: 0, disk: 0, refused: 0, unsupported: 0 },
};

test("an output that nothing was sent to has no last success and no trouble", async () => {
  const told = await items(<OutputDialog output={output} onClose={() => {}} />);
  expect(told).toEqual({
    State: "untried",
    Server: output.target,
    Arrived: "0 samples",
    Waiting: "nothing",
    "Tries that failed": "0",
    Lost: "nothing",
  });
});

test("what an output lost, refused and holds back is told with the reasons", async () => {
  const failing: OutputStatus = {
    ...output,
    state: "failing",
    reason: "it answered 401 Unauthorized",
    waiting: { samples: 48_210, bytes: 581_022, oldest_age_seconds: 312.4 },
    failed_tries: 7,
    dropped: { ...output.dropped, refused: 12, full: 1_000 },
    last_refusal: { at: "2026-11-22T00:00:00Z", reason: "out of bounds", samples: 12 },
  };
  const told = await items(<OutputDialog output={failing} onClose={() => {}} />);
  expect(told.Why).toBe("it answered 401 Unauthorized");
  expect(told.Waiting).toBe("48 210 samples, for 5 min; 567 KiB on the disk");
  expect(told.Lost).toMatch(/^1 000 no room .*12 refused by the output for good$/);
  expect(told["Refused last"]).toMatch(/^out of bounds12 samples, \d+ \w+ ago$/);
});

test("what its protocol cannot tell stands by itself, and not among what is lost", async () => {
  const dropped = { ...output.dropped, unsupported: 70 };
  const told = await items(<OutputDialog output={{ ...output, dropped }} onClose={() => {}} />);
  expect(told.Lost).toBe("nothing");
  expect(told["Not told by this protocol"]).toBe("70 samples, infinite values for example");
  expect(document.querySelector("[role=dialog] .refused")).toBeNull();
});
