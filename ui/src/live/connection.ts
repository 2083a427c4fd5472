// Keeps one event stream open and says how fresh the page is.
//
//            open, 200                silence, end, error
//   connecting ────────► live ─────────────────────────► reconnecting
//        ▲                ▲                                   │
//        └────────────────┴────────── after a pause ──────────┘
//   401 from anywhere ends it: nobody is logged in.
import type { HostlerEvent } from "../api/types";
import { parseEvent } from "./effects";
import { readStream } from "./sse";

export interface LiveStatus {
  phase: "connecting" | "live" | "reconnecting";
  /** When the stream last said anything, in milliseconds since 1970; as of the last change. */
  lastSign: number | undefined;
}

export interface LiveHandlers {
  onEvent(event: HostlerEvent): void;
  /** Events may have been missed: read everything again. */
  onResync(): void;
  onStatus(status: LiveStatus): void;
  onLoggedOut(): void;
}

/** The server says something every 15 seconds; this long a silence is a dead line. */
const SILENCE_MS = 40_000;
const PAUSE_MIN_MS = 500;
const PAUSE_MAX_MS = 10_000;

export class LiveConnection {
  private readonly stopping = new AbortController();
  private lastSeq: number | undefined;
  private status: LiveStatus = { phase: "connecting", lastSign: undefined };
  private watchdog: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly handlers: LiveHandlers) {}

  /** Runs until `stop` or a 401. */
  async run(): Promise<void> {
    let pause = PAUSE_MIN_MS;
    while (!this.stopping.signal.aborted) {
      const outcome = await this.connectOnce().catch(() => "lost" as const);
      clearTimeout(this.watchdog);
      if (this.stopping.signal.aborted) return;
      if (outcome === "logged_out") {
        this.handlers.onLoggedOut();
        return;
      }
      pause = this.status.phase === "live" ? PAUSE_MIN_MS : Math.min(pause * 2, PAUSE_MAX_MS);
      this.tell("reconnecting");
      // Jitter, so that a restarted server is not met by all browsers at once.
      await this.sleep(pause * (0.5 + Math.random()));
    }
  }

  stop(): void {
    this.stopping.abort();
    clearTimeout(this.watchdog);
  }

  private async connectOnce(): Promise<"lost" | "logged_out"> {
    const attempt = new AbortController();
    const abort = () => attempt.abort();
    this.stopping.signal.addEventListener("abort", abort, { once: true });
    try {
      this.watch(attempt);
      const response = await fetch(this.url(), {
        headers: this.headers(),
        signal: attempt.signal,
        credentials: "same-origin",
        cache: "no-store",
      });
      if (response.status === 401) return "logged_out";
      if (response.status === 410) {
        this.lastSeq = undefined;
        return "lost";
      }
      if (!response.ok || !response.body) return "lost";
      // Without a place to resume from, what happened before now went unseen.
      if (this.lastSeq === undefined) this.handlers.onResync();
      this.sign();
      await this.read(response.body, attempt);
      return "lost";
    } finally {
      this.stopping.signal.removeEventListener("abort", abort);
      attempt.abort();
    }
  }

  private async read(body: ReadableStream<Uint8Array>, attempt: AbortController): Promise<void> {
    const read = readStream(body, () => {
      this.watch(attempt);
      this.sign();
    });
    for await (const { name, data } of read) this.frame(name, data);
  }

  private frame(name: string, data: string): void {
    if (name === "resync") {
      this.lastSeq = undefined;
      this.handlers.onResync();
      return;
    }
    const event = parseEvent(data);
    // What was seen before a reconnect may come again.
    if (!event || (this.lastSeq !== undefined && event.seq <= this.lastSeq)) return;
    this.lastSeq = event.seq;
    this.handlers.onEvent(event);
  }

  private url(): string {
    return this.lastSeq === undefined
      ? "/api/v1/events"
      : `/api/v1/events?since=${encodeURIComponent(this.lastSeq)}`;
  }

  private headers(): Record<string, string> {
    const headers: Record<string, string> = { accept: "text/event-stream" };
    if (this.lastSeq !== undefined) headers["last-event-id"] = String(this.lastSeq);
    return headers;
  }

  private watch(attempt: AbortController): void {
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(() => attempt.abort(), SILENCE_MS);
  }

  /** Only a change of phase is news; each message would have every page drawn anew. */
  private sign(): void {
    const isNews = this.status.phase !== "live";
    this.status = { phase: "live", lastSign: Date.now() };
    if (isNews) this.handlers.onStatus(this.status);
  }

  private tell(phase: LiveStatus["phase"]): void {
    this.status = { ...this.status, phase };
    this.handlers.onStatus(this.status);
  }

  private sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.stopping.signal.addEventListener(
        "abort",
        () => {
          clearTimeout(timer);
          resolve();
        },
        { once: true },
      );
    });
  }
}
