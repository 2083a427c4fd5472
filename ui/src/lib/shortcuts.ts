// When a key is a command and when it is text or somebody else's.

/** Where single keys have another meaning. */
const TEXT = "input:not([type=checkbox]), textarea, select, [contenteditable], [role=menu]";

/** Whether a plain key, pressed now, is meant for the page. */
export function isForPage(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return false;
  if (document.querySelector("[role=dialog]")) return false;
  return !(event.target instanceof Element && event.target.closest(TEXT));
}

/** What the sheet under `?` lists. */
export const SHORTCUTS: readonly { keys: string[]; does: string }[] = [
  { keys: ["Ctrl K"], does: "go to a VM, a host or a page by its name" },
  { keys: ["/"], does: "search the list" },
  { keys: ["j", "k"], does: "next and previous row" },
  { keys: ["x"], does: "tick the row" },
  { keys: ["Enter"], does: "open the row" },
  { keys: ["g v"], does: "VMs" },
  { keys: ["g d"], does: "adoption" },
  { keys: ["g h"], does: "hosts" },
  { keys: ["g m"], does: "metrics" },
  { keys: ["g a"], does: "alerts" },
  { keys: ["g s"], does: "storage" },
  { keys: ["g n"], does: "networks" },
  { keys: ["g i"], does: "images" },
  { keys: ["g l"], does: "templates" },
  { keys: ["g o"], does: "operations" },
  { keys: ["g e"], does: "events" },
  { keys: ["g c"], does: "clusters" },
  { keys: ["g p"], does: "providers" },
  { keys: ["←", "→"], does: "the time before and after, in a chart" },
  { keys: ["+", "−"], does: "zoom a chart in and out" },
  { keys: ["Esc"], does: "reset a chart's zoom" },
  { keys: ["Shift Esc"], does: "leave the terminal of a console" },
  { keys: ["?"], does: "this list" },
];
