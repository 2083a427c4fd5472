// What is measured, as it is measured: one stream for the whole tab, of those things
// alone that some part of the page shows.
//
//   nobody looks        somebody looks, and the tab is seen
//      closed ─────────────────► connecting ── 200 ──► live
//        ▲                          ▲                   │ end, silence, refusal
//        └─ the last one leaves     └──── a pause ──────┘ or: others are looked at
//
// While it is not live the page reads from time to time, as it would without it.
import type { LiveNode, LiveVm } from "../api/types";
import { parseFrame } from "./frame";
import { readStream } from "./sse";

export type FigureTopic = "vm:metrics" | "node:metrics";

interface Told {
  "vm:metrics": LiveVm;
  "node:metrics": LiveNode;
}

/** What is known of one thing by the stream. */
export interface Figures<T> {
  isLive: boolean;
  /** What was told last, while it is live and more is told at the usual pace. */
  last?: T;
  /** When that came, by the clock of this machine, in milliseconds since 1970. */
  at?: number;
  /** Grows when something new was measured, or may have been while nobody listened. */
  news: number;
}

interface Look {
  topic: FigureTopic;
  id: string;
  now: Figures<LiveVm | LiveNode>;
  listeners: Set<() => void>;
  /** From one frame to the next, in milliseconds, as last seen. */
  gap: number;
  quiet: ReturnType<typeof setTimeout> | undefined;
}

const NOTHING: Figures<never> = { isLive: false, news: 0 };

/** Parts of a page come and go together. */
const GATHER_MS = 50;
/** Three passes without a word of a thing, and this at least: it is not measured any more. */
const QUIET_MIN_MS = 30_000;
const QUIET_PASSES = 3;
/** The server says something every 30 seconds; this long a silence is a dead line. */
const SILENCE_MS = 75_000;
const PAUSE_MIN_MS = 1_000;
const PAUSE_MAX_MS = 30_000;
/** After a refusal: asking again soon would be refused again. */
const REFUSED_MS = 60_000;

export class FigureStream {
  private readonly looks = new Map<string, Look>();
  private changed: ReturnType<typeof setTimeout> | undefined;
  private running: AbortController | undefined;
  private url: string | undefined;

  constructor() {
    document.addEventListener("visibilitychange", this.look);
  }

  /** Follows one thing until the answer is called. */
  follow(topic: FigureTopic, id: string, listener: () => void): () => void {
    const key = keyOf(topic, id);
    let look = this.looks.get(key);
    if (!look) {
      look = { topic, id, now: NOTHING, listeners: new Set(), gap: 0, quiet: undefined };
      this.looks.set(key, look);
    }
    const { listeners } = look;
    listeners.add(listener);
    this.look();
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0) return;
      clearTimeout(look.quiet);
      this.looks.delete(key);
      this.look();
    };
  }

  /** The same object until something changes. */
  now<T extends FigureTopic>(topic: T, id: string): Figures<Told[T]> {
    return (this.looks.get(keyOf(topic, id))?.now ?? NOTHING) as Figures<Told[T]>;
  }

  stop(): void {
    document.removeEventListener("visibilitychange", this.look);
    clearTimeout(this.changed);
    for (const { quiet } of this.looks.values()) clearTimeout(quiet);
    this.close();
  }

  private readonly look = () => {
    clearTimeout(this.changed);
    this.changed = setTimeout(() => {
      const url = document.hidden ? undefined : urlOf([...this.looks.values()]);
      if (url === this.url) return;
      this.close();
      this.url = url;
      if (!url) return;
      this.running = new AbortController();
      void this.run(url, this.running.signal);
    }, GATHER_MS);
  };

  private close(): void {
    this.running?.abort();
    this.running = undefined;
    this.url = undefined;
    this.away();
  }

  private async run(url: string, stopping: AbortSignal): Promise<void> {
    let pause = PAUSE_MIN_MS;
    while (!stopping.aborted) {
      const outcome = await this.connectOnce(url, stopping).catch(() => "lost" as const);
      if (stopping.aborted) return;
      this.away();
      // Nobody is logged in: that is told, and acted upon, elsewhere.
      if (outcome === "logged_out") return;
      if (outcome === "was_live") pause = PAUSE_MIN_MS;
      // Jitter, so that a restarted server is not met by all browsers at once.
      const wait = outcome === "refused" ? REFUSED_MS : pause;
      await sleep(wait * (0.5 + Math.random()), stopping);
      pause = Math.min(pause * 2, PAUSE_MAX_MS);
    }
  }

  private async connectOnce(
    url: string,
    stopping: AbortSignal,
  ): Promise<"lost" | "was_live" | "refused" | "logged_out"> {
    const attempt = new AbortController();
    const abort = () => attempt.abort();
    stopping.addEventListener("abort", abort, { once: true });
    let watchdog = setTimeout(abort, SILENCE_MS);
    try {
      const headers = { accept: "text/event-stream" };
      const { signal } = attempt;
      const response = await fetch(url, {
        headers,
        signal,
        credentials: "same-origin",
        cache: "no-store",
      });
      if (response.status === 401) return "logged_out";
      if (!response.ok || !response.body) return response.status < 500 ? "refused" : "lost";
      this.live();
      const read = readStream(response.body, () => {
        clearTimeout(watchdog);
        watchdog = setTimeout(abort, SILENCE_MS);
      });
      try {
        for await (const { data } of read) this.frame(data);
      } catch {
        // An end like any other.
      }
      return "was_live";
    } finally {
      clearTimeout(watchdog);
      stopping.removeEventListener("abort", abort);
      attempt.abort();
    }
  }

  private frame(text: string): void {
    const frame = parseFrame(text);
    switch (frame?.type) {
      case "vm_metrics":
        for (const vm of frame.data.vms) this.tell("vm:metrics", vm.vm_id, vm);
        break;
      case "node_metrics":
        for (const node of frame.data.nodes) this.tell("node:metrics", node.node_id, node);
        break;
      case "resync":
        // Figures were lost; what is newest is read.
        this.live();
        break;
      default:
    }
  }

  private tell(topic: FigureTopic, id: string, last: LiveVm | LiveNode): void {
    const look = this.looks.get(keyOf(topic, id));
    if (!look) return;
    const { at: before, news } = look.now;
    const at = Date.now();
    if (before !== undefined) look.gap = at - before;
    clearTimeout(look.quiet);
    look.quiet = setTimeout(
      () => set(look, { isLive: look.now.isLive, news: look.now.news }),
      Math.max(QUIET_MIN_MS, QUIET_PASSES * look.gap),
    );
    set(look, { isLive: true, last, at, news: news + 1 });
  }

  /** From now on all is told; what was before may have gone unseen. */
  private live(): void {
    for (const look of this.looks.values()) {
      set(look, { ...look.now, isLive: true, news: look.now.news + 1 });
    }
  }

  /** What was told before is no figure of now. */
  private away(): void {
    for (const look of this.looks.values()) {
      if (look.now.isLive) set(look, { isLive: false, news: look.now.news });
    }
  }
}

function set(look: Look, now: Look["now"]): void {
  look.now = now;
  for (const listener of look.listeners) listener();
}

function keyOf(topic: FigureTopic, id: string): string {
  return `${topic} ${id}`;
}

/** Always the same for the same things. */
function urlOf(looks: readonly Look[]): string | undefined {
  if (looks.length === 0) return undefined;
  const topics = [...new Set(looks.map(({ topic }) => topic))].sort();
  const only = [...new Set(looks.map(({ id }) => id))].sort();
  return `/api/v1/live?topics=${topics.join(",")}&only=${only.map(encodeURIComponent).join(",")}`;
}

function sleep(ms: number, stopping: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    stopping.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
