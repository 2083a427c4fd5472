// A fact with its pedigree: the value, or why there is none. Who said so and
// when is on hover; what is old or partial is marked in text, with why and since when.
import { Label } from "@patternfly/react-core";
import type { ReactNode } from "react";
import type { Fact } from "../api/types";
import { bothTimes } from "../lib/format";
import { Age } from "../primitives/Age";
import { NoData } from "../primitives/NoData";

interface Props<T> {
  fact: Fact<T> | null | undefined;
  children: (value: T) => ReactNode;
  /** For table cells: marks in a word what the full form explains. */
  brief?: boolean;
}

export function FactValue<T>({ fact, children, brief = false }: Props<T>) {
  if (!fact) return <NoData why="never seen" />;
  const pedigree = pedigreeOf(fact);
  if (fact.value === null || fact.value === undefined) {
    const why =
      fact.reason || (fact.quality === "unsupported" ? "not supported here" : fact.quality);
    return <NoData why={why} title={pedigree} />;
  }
  return (
    <span title={pedigree}>
      {children(fact.value)}
      {fact.quality !== "ok" && brief && <small> {fact.quality}</small>}
      {fact.quality !== "ok" && !brief && (
        <>
          {" "}
          <Label isCompact variant="outline" color="orange">
            {fact.quality}
            {fact.reason ? `: ${fact.reason}` : ""}
          </Label>
          {fact.quality === "stale" && fact.observed_at && (
            <small>
              {" seen "}
              <Age at={fact.observed_at} ago />
            </small>
          )}
        </>
      )}
    </span>
  );
}

export function pedigreeOf(fact: Fact<unknown>): string {
  const seen = fact.observed_at ? `seen ${bothTimes(fact.observed_at)}` : "never seen";
  const quality = fact.reason ? `${fact.quality}: ${fact.reason}` : fact.quality;
  return `${quality} · source: ${fact.source || "none"} · ${seen}`;
}
