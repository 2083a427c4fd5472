// Marks what is made up, wherever it is shown, so that a demo is never taken
// for the real thing.
import { Label } from "@patternfly/react-core";
import { FlaskIcon } from "@patternfly/react-icons";

interface Props {
  /** null: nobody can tell yet. */
  when: boolean | null | undefined;
  compact?: boolean;
}

export function Simulated({ when, compact = false }: Props) {
  if (!when) return null;
  if (compact) {
    return (
      <span
        className="simulated"
        role="img"
        aria-label="simulated"
        title="simulated: not a real machine"
      >
        <FlaskIcon />
      </span>
    );
  }
  return (
    <Label isCompact color="purple" icon={<FlaskIcon />}>
      simulated
    </Label>
  );
}
