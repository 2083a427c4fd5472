// How to get the first of something that is configured or typed, not clicked: the
// text to take over.
import type { ReactNode } from "react";
import { Code } from "../../primitives/Code";
import { Copy } from "../../primitives/Copy";

interface Props {
  children: ReactNode;
  /** What the text is, for who does not see it. */
  label: string;
  text: string;
}

export function HowTo({ children, label, text }: Props) {
  return (
    <div className="how-to">
      <div>{children}</div>
      <Code text={text} label={label} />
      <p>
        <Copy text={text} label="Copy" />
      </p>
    </div>
  );
}
