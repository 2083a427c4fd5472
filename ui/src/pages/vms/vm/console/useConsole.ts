// A console's connection: a ticket by POST, then one WebSocket with it.
//
//   idle ──► opening ──► open ──► lost ──► opening …   by itself, a few times
//               │          │
//               │          └────► taken: somebody else has it; waits for the reader
//               └──► refused: the server said no; waits for the reader
//
// Where connecting cuts off somebody unseen, it begins idle, and nothing that is lost is
// connected again by itself: by then it may be theirs.
//
// What carries the bytes is attached in the same tick in which the socket is
// made, so that no byte comes before somebody listens.
import { useCallback, useEffect, useRef, useState } from "react";
import { body, client } from "../../../../api/client";
import type { ConsoleKind } from "../../../../api/types";

export type ConsoleState =
  | { phase: "idle" }
  | { phase: "opening" }
  | { phase: "open" }
  | { phase: "lost"; again: boolean; reason: string }
  | { phase: "taken"; reason: string }
  | { phase: "refused"; error: unknown };

/** Connects a socket to a terminal or screen; gives what takes it off again. */
export type Attach = (socket: WebSocket) => () => void;

/** Said by servers that close with 4000 + status: somebody else has the console. */
const CONFLICT = 4409;
const RETRIES = 5;
const PAUSE_MS = 1_000;
/** A connection that lasts this long was a good one. */
const GOOD_MS = 10_000;

/** `atOnce`: whether it may connect without being asked. */
export function useConsole(
  vm: string,
  kind: ConsoleKind,
  attach: Attach | undefined,
  atOnce = true,
) {
  const [state, setState] = useState<ConsoleState>({ phase: atOnce ? "opening" : "idle" });
  const [attempt, setAttempt] = useState({ number: 0, takeOver: false });
  const failures = useRef(0);

  useEffect(() => {
    if (!attach || (!atOnce && attempt.number === 0)) return;
    const ended = new AbortController();
    let close = () => {};
    setState({ phase: "opening" });
    void openSocket(vm, kind, attempt.takeOver, ended.signal)
      .then((socket) => {
        if (ended.signal.aborted) {
          socket.close();
          return;
        }
        const detach = attach(socket);
        close = () => {
          detach();
          socket.close();
        };
        let opened: number | undefined;
        socket.addEventListener("open", () => {
          opened = Date.now();
          if (!ended.signal.aborted) setState({ phase: "open" });
        });
        socket.addEventListener("close", (event) => {
          if (ended.signal.aborted) return;
          const lasted = opened !== undefined && Date.now() - opened > GOOD_MS;
          failures.current = lasted ? 1 : failures.current + 1;
          const again = atOnce && failures.current <= RETRIES;
          setState(lossOf(event, opened !== undefined, again));
        });
      })
      .catch((error: unknown) => {
        if (!ended.signal.aborted) setState({ phase: "refused", error });
      });
    return () => {
      ended.abort();
      close();
    };
  }, [vm, kind, attempt, attach, atOnce]);

  const connect = useCallback(
    (takeOver = false) => setAttempt((old) => ({ number: old.number + 1, takeOver })),
    [],
  );
  useEffect(() => {
    if (state.phase !== "lost" || !state.again) return;
    const timer = setTimeout(() => connect(), PAUSE_MS * failures.current);
    return () => clearTimeout(timer);
  }, [state, connect]);
  return { state, connect };
}

function lossOf(event: CloseEvent, opened: boolean, again: boolean): ConsoleState {
  if (event.code === CONFLICT) {
    return { phase: "taken", reason: event.reason || "Somebody else uses this console." };
  }
  const reason =
    event.reason ||
    (opened ? "The connection ended." : "It did not connect: somebody else may be using it.");
  return { phase: "lost", again, reason };
}

async function openSocket(
  vm: string,
  kind: ConsoleKind,
  takeOver: boolean,
  signal: AbortSignal,
): Promise<WebSocket> {
  const ticket = await body(
    client.POST("/api/v1/vms/{vm}/consoles", {
      params: { path: { vm } },
      body: { kind, take_over: takeOver },
      signal,
    }),
  );
  const url = new URL(ticket.path, window.location.href);
  url.protocol = url.protocol === "http:" ? "ws:" : "wss:";
  const socket = new WebSocket(url, ticket.protocols);
  socket.binaryType = "arraybuffer";
  return socket;
}
