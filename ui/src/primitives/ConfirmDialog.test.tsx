// Enter in any field confirms, once all is filled in.
import { expect, test, vi } from "vitest";
import { rendered } from "../testing/rendered";
import { ConfirmDialog } from "./ConfirmDialog";

test.each([true, false])(
  "a form has a button of its own to send it by (complete: %s)",
  async (complete) => {
    const confirmed = vi.fn();
    await rendered(
      <ConfirmDialog
        title="Do it"
        confirm="Do"
        complete={complete}
        onConfirm={confirmed}
        onClose={() => {}}
      >
        <input aria-label="one" />
        <input aria-label="two" />
      </ConfirmDialog>,
    );
    // What a browser presses for Enter, where it is not disabled: the form's first of this type.
    const first = document.querySelector<HTMLButtonElement>("[role=dialog] form [type=submit]");
    expect(first?.disabled).toBe(!complete);
    first?.click();
    expect(confirmed).toHaveBeenCalledTimes(complete ? 1 : 0);
  },
);
