// Reads server-sent events from a byte stream. The browser's EventSource hides
// heartbeats and refusals, and both matter here: the chip that says "live" must
// know when the last sign of life came, and a 401 must lead to the login page.

/** What a stream says: an event, or only that it lives. */
export type Frame =
  | { kind: "event"; name: string; id: string | undefined; data: string }
  | { kind: "heartbeat" };

/** A longer line than this is no event of ours; the stream is given up. */
const LINE_MAX = 4 * 1024 * 1024;

/** Takes text in pieces of any size and gives frames as they are complete. */
export class FrameReader {
  private rest = "";
  private name = "";
  private id: string | undefined;
  private data: string[] = [];

  push(text: string): Frame[] {
    const frames: Frame[] = [];
    this.rest += text;
    for (;;) {
      const end = this.rest.indexOf("\n");
      if (end < 0) break;
      const line = this.rest.slice(0, end).replace(/\r$/, "");
      this.rest = this.rest.slice(end + 1);
      const frame = this.line(line);
      if (frame) frames.push(frame);
    }
    if (this.rest.length > LINE_MAX) throw new Error("a line of the event stream does not end");
    return frames;
  }

  private line(line: string): Frame | undefined {
    if (line.startsWith(":")) return { kind: "heartbeat" };
    if (line === "") return this.finish();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.name = value;
    else if (field === "data") this.data.push(value);
    else if (field === "id") this.id = value;
    return undefined;
  }

  private finish(): Frame | undefined {
    const { name, id, data } = this;
    this.name = "";
    this.id = undefined;
    this.data = [];
    if (data.length === 0 && name === "") return undefined;
    return { kind: "event", name: name || "message", id, data: data.join("\n") };
  }
}

/** The events of a stream until it ends; `onSign` hears every sign of life. */
export async function* readStream(
  body: ReadableStream<Uint8Array>,
  onSign: () => void,
): AsyncGenerator<Extract<Frame, { kind: "event" }>> {
  const frames = new FrameReader();
  const decoder = new TextDecoder();
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onSign();
    for (const frame of frames.push(decoder.decode(value, { stream: true }))) {
      if (frame.kind === "event") yield frame;
    }
  }
}
