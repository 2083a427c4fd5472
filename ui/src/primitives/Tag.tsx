// A small label. Not PatternFly's, which measures its text for a tooltip:
// hundreds of these pass by when a table is scrolled.
import "./table.css";
import type { ReactNode } from "react";

export type TagColour = "green" | "grey" | "orange" | "blue" | "red" | "purple";

interface Props {
  colour?: TagColour;
  outline?: boolean;
  icon?: ReactNode;
  title?: string;
  children: ReactNode;
}

export function Tag({ colour = "grey", outline = false, icon, title, children }: Props) {
  return (
    <span className={`tag ${outline ? "outline " : ""}${colour}`} title={title}>
      {icon}
      {children}
    </span>
  );
}
