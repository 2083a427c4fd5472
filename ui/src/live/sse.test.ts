// The event stream's reader, fed in every way a network may cut it.
import { expect, test } from "vitest";
import { type Frame, FrameReader } from "./sse";

const STREAM =
  ':hb\n\nid: 7\nevent: vm.state\ndata: {"seq":7}\n\nid: 8\ndata: a\ndata: b\n\nevent: resync\ndata: {}\n\n';

const FRAMES: Frame[] = [
  { kind: "heartbeat" },
  { kind: "event", name: "vm.state", id: "7", data: '{"seq":7}' },
  { kind: "event", name: "message", id: "8", data: "a\nb" },
  { kind: "event", name: "resync", id: undefined, data: "{}" },
];

test("wherever the stream is cut, the same frames come out", () => {
  for (let cut = 0; cut <= STREAM.length; cut += 1) {
    const reader = new FrameReader();
    const frames = [...reader.push(STREAM.slice(0, cut)), ...reader.push(STREAM.slice(cut))];
    expect(frames).toEqual(FRAMES);
  }
});

test("carriage returns are allowed", () => {
  expect(new FrameReader().push(STREAM.replaceAll("\n", "\r\n"))).toEqual(FRAMES);
});

test("a line without end is refused instead of filling the memory", () => {
  const reader = new FrameReader();
  const piece = "x".repeat(1024 * 1024);
  expect(() => {
    for (let i = 0; i < 6; i += 1) reader.push(piece);
  }).toThrow("does not end");
});
