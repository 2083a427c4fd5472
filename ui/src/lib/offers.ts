// Instance types and preferences: how one is named, and what is said of it in a line.
import type { InstanceType, Ref, TypeRef } from "../api/types";
import { bytes, UNKNOWN } from "./format";

/** `NAME`, or `NAMESPACE/NAME`, as commands take it. */
export function named({ name, namespace }: TypeRef): string {
  return namespace ? `${namespace}/${name}` : name;
}

/** What an id means: `PROVIDER/NAME` or `PROVIDER/NAMESPACE/NAME`. */
export function offerOf(id: string): { provider: string; named: TypeRef } | undefined {
  const [provider, ...rest] = id.split("/");
  const [first, second] = rest;
  if (!provider || !first) return undefined;
  return second
    ? { provider, named: { name: second, namespace: first } }
    : { provider, named: { name: first } };
}

/** Those of one provider; all where none is chosen. */
export function among<T extends { provider: Ref }>(
  rows: readonly T[],
  provider: string | undefined,
): readonly T[] {
  return provider ? rows.filter((row) => row.provider.id === provider) : rows;
}

/** `shop/u1.small: 1 processor, 2 GiB (eu)`; a size that is not told is a dash. */
export function sizeText(one: InstanceType): string {
  const cpus = one.cpu_count.value;
  const count = cpus == null ? UNKNOWN : `${cpus} ${cpus === 1 ? "processor" : "processors"}`;
  return `${named(one)}: ${count}, ${bytes(one.memory_bytes.value)} (${one.provider.name})`;
}
