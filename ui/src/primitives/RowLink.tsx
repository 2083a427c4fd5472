// A link in a table's row: an anchor for the browser (open in a new tab, copy),
// and a navigation without a page load for a plain click. The router's own link
// computes and watches locations, which is too dear for every row that passes.
import { type LinkOptions, useRouter } from "@tanstack/react-router";
import type { MouseEvent, ReactNode } from "react";

interface Props {
  /** The path, as `link` means it. */
  href: string;
  link: () => LinkOptions;
  children: ReactNode;
}

export function RowLink({ href, link, children }: Props) {
  const router = useRouter();
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) {
      return;
    }
    event.preventDefault();
    void router.navigate(link());
  };
  return (
    <a href={href} onClick={follow}>
      {children}
    </a>
  );
}
