// How new volumes are stored, as forms offer it: what the place says that it has.
import type { VolumeFormat } from "../api/types";

const TEXTS: Record<VolumeFormat, string> = {
  qcow2: "qcow2: grows with use",
  raw: "raw: the plain bytes",
};

const ALL: readonly VolumeFormat[] = ["qcow2", "raw"];

/** The choices; `formats` are those that the place has, undefined or empty where that is not known. */
export function formatOptions(
  formats: readonly VolumeFormat[] | undefined,
): { value: VolumeFormat | ""; text: string }[] {
  const first = formats?.[0];
  const own = first ? `What the provider keeps (${first})` : "What the provider keeps";
  const those = formats?.length ? formats : ALL;
  return [{ value: "", text: own }, ...those.map((one) => ({ value: one, text: TEXTS[one] }))];
}

/** What stays of a choice at a place that has these formats. */
export function formatAt(
  chosen: VolumeFormat | "",
  formats: readonly VolumeFormat[] | undefined,
): VolumeFormat | "" {
  return chosen !== "" && formats?.length && !formats.includes(chosen) ? "" : chosen;
}
