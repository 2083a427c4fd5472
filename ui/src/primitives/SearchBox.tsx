// The search field of a list. `/` focuses it from anywhere on the page; what is
// typed goes to the URL when the typing pauses, so that each letter is no entry
// in the history.
import { SearchInput } from "@patternfly/react-core";
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import { isForPage } from "../lib/shortcuts";

interface Props {
  label: string;
  value: string | undefined;
  onChange: (value: string | undefined) => void;
}

const PAUSE_MS = 200;

export function SearchBox({ label, value, onChange }: Props) {
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(value ?? "");
  /** What was said to the URL and has not come back from there, the oldest first. */
  const said = useRef<(string | undefined)[]>([]);
  useLayoutEffect(() => {
    const at = said.current.indexOf(value);
    said.current = at < 0 ? [] : said.current.slice(at + 1);
    // The URL may change by other means, too: back, a cleared filter. What only comes back of our
    // own leaves alone what was typed meanwhile.
    if (at < 0) setText(value ?? "");
  }, [value]);
  const wanted = text.trim() || undefined;
  useEffect(() => {
    const latest = said.current.length > 0 ? said.current.at(-1) : value;
    if (wanted === latest) return;
    const timer = setTimeout(() => {
      said.current.push(wanted);
      onChange(wanted);
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [wanted, value, onChange]);
  useEffect(() => {
    const focus = (event: KeyboardEvent) => {
      if (event.key !== "/" || !isForPage(event)) return;
      event.preventDefault();
      field.current?.focus();
    };
    document.addEventListener("keydown", focus);
    return () => document.removeEventListener("keydown", focus);
  }, []);
  return (
    <SearchInput
      ref={field}
      aria-label={label}
      placeholder={`${label}  ( / )`}
      value={text}
      onChange={(_event, next) => setText(next)}
      onClear={() => {
        setText("");
        said.current.push(undefined);
        onChange(undefined);
      }}
    />
  );
}
