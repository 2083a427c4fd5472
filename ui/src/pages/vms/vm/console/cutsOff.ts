// Whether opening a VM's console takes it from somebody of whom its provider does not tell, so that
// nobody can be asked first.
import type { ConsoleKind, Vm } from "../../../../api/types";

/** A provider that does not say so may: then nothing is opened unasked. */
export function cutsOff({ console_limits: limits }: Vm, kind: ConsoleKind): boolean {
  return limits?.cuts_off_unseen.includes(kind) ?? true;
}
