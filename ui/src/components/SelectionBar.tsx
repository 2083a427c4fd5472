// How many VMs of a table are ticked, a way to tick all that match, and what can be
// done with them.
import { Button } from "@patternfly/react-core";
import { type ReactNode, useState } from "react";
import { count } from "../lib/format";
import { useToasts } from "./Toasts";

interface Props {
  chosen: number;
  loaded: number;
  total: number | undefined;
  hasMore: boolean;
  onSelectAll: () => Promise<void>;
  onClear: () => void;
  /** The buttons. */
  children: ReactNode;
}

export function SelectionBar(props: Props) {
  const { chosen, loaded, total, hasMore, onSelectAll, onClear, children } = props;
  const [reading, setReading] = useState(false);
  const { fail } = useToasts();
  return (
    <div className="bulk-bar" role="toolbar" aria-label="Selected VMs">
      <strong aria-live="polite">{count(chosen, "VM")} selected</strong>
      {hasMore && chosen === loaded && (
        <Button
          variant="link"
          isInline
          isLoading={reading}
          onClick={() => {
            setReading(true);
            onSelectAll()
              .catch((error) => fail("Cannot read all VMs", error))
              .finally(() => setReading(false));
          }}
        >
          Select all{total === undefined ? "" : ` ${total}`} that match
        </Button>
      )}
      {children}
      <Button variant="link" size="sm" onClick={onClear}>
        Clear selection
      </Button>
    </div>
  );
}
