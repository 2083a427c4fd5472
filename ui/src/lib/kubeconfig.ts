// A kubeconfig as it is typed or chosen, what is wrong with it before anybody is asked, and
// what the server is sent.
import type { Cluster, ClusterKubeconfig, ClusterTested } from "../api/types";
import { namesIn } from "./clusters";
import { bytes } from "./format";

export interface Given {
  text: string;
  context: string;
  namespaces: string;
  /** How many questions are put to the cluster at once, as it is typed. */
  atOnce: string;
}

/** What the server takes of that. */
export const AT_ONCE = { least: 1, most: 200, unsaid: 20 };

/** The largest that the server takes, in bytes. */
export const KUBECONFIG_MAX = 256 * 1024;

/** What stands there at first: how the one before is used, but never its text. */
export function beginWith(used: Cluster["kubeconfig"]): Given {
  return {
    text: "",
    context: used?.context ?? "",
    namespaces: (used?.namespaces ?? []).join(", "),
    atOnce: used?.at_once?.toString() ?? "",
  };
}

/** As the server takes it for a trial and for a cluster that is added. */
export function kubeconfigOf({ text, context, namespaces, atOnce }: Given): ClusterKubeconfig {
  const names = namesIn(namespaces);
  return {
    kubeconfig: text,
    context: context.trim() || undefined,
    namespaces: names.length > 0 ? names : undefined,
    at_once: atOnce.trim() === "" ? undefined : Number(atOnce),
  };
}

/**
 * As the server takes it in the place of another: what is left out stays as it was there, so all
 * that stands in the dialog is said, and the context is the one that was tried.
 */
export function rotationOf(given: Given, tested: ClusterTested | undefined): ClusterKubeconfig {
  const sent = kubeconfigOf(given);
  return {
    ...sent,
    context: sent.context ?? tested?.context,
    namespaces: namesIn(given.namespaces),
    at_once: sent.at_once ?? AT_ONCE.unsaid,
  };
}

/** What is wrong with the text before anybody is asked. */
export function faultOf({ text }: Given): string | undefined {
  return sizeFault(new Blob([text]).size);
}

/** What is wrong with the number of questions before anybody is asked. */
export function countFaultOf({ atOnce }: Given): string | undefined {
  const { least, most } = AT_ONCE;
  const [text, count] = [atOnce.trim(), Number(atOnce)];
  return text === "" || (/^\d+$/.test(text) && count >= least && count <= most)
    ? undefined
    : `A number from ${least} to ${most}`;
}

/** The text of a file, or what is wrong with it and no text. */
export async function readKubeconfig(file: File): Promise<{ text: string; fault?: string }> {
  // One that is too large is not read at all.
  const fault = sizeFault(file.size);
  if (fault) return { text: "", fault };
  try {
    return { text: await file.text() };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return { text: "", fault: `The file ${file.name} cannot be read: ${why}` };
  }
}

function sizeFault(size: number): string | undefined {
  return size > KUBECONFIG_MAX
    ? `It has ${bytes(size)}, at most ${bytes(KUBECONFIG_MAX)} are taken`
    : undefined;
}
