// Who may not see something is told so, and nothing is asked for it.
import { QueryClientProvider } from "@tanstack/react-query";
import { expect, test } from "vitest";
import { keys, makeQueryClient } from "../api/query";
import type { Session } from "../api/types";
import { rendered } from "../testing/rendered";
import { Permitted } from "./Permitted";

let asked = 0;

function List() {
  asked += 1;
  return "the list";
}

function shown(permissions: string[]) {
  const queries = makeQueryClient();
  const session: Partial<Session> = { actor: "token:ci", role: "pusher", permissions };
  queries.setQueryData(keys.session, session as Session);
  asked = 0;
  const node = (
    <QueryClientProvider client={queries}>
      <Permitted permission="infra.read" what="agents">
        <List />
      </Permitted>
    </QueryClientProvider>
  );
  return rendered(node).then(({ place }) => ({ text: place.textContent, asked }));
}

test("what somebody lacks is named, and the list is not there to ask", async () => {
  const { text, asked } = await shown(["metrics.push"]);
  expect(text).toContain("You may not see agents");
  expect(text).toContain("token:ci (pusher) lacks the permission infra.read");
  expect(asked).toBe(0);
});

test("who may, sees", async () => {
  const { text } = await shown(["infra.read"]);
  expect(text).toBe("the list");
});
