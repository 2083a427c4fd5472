// The search field of a list. `/` focuses it from anywhere on the page; what is
// typed goes to the URL when the typing pauses, so that each letter is no entry
// in the history.
import { SearchInput } from "@patternfly/react-core";
import { useEffect, useRef, useState } from "react";
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
  const [told, setTold] = useState(value);
  // The URL may change by other means: back, a cleared filter.
  if (told !== value) {
    setTold(value);
    setText(value ?? "");
  }
  useEffect(() => {
    const wanted = text.trim() || undefined;
    if (wanted === value) return;
    const timer = setTimeout(() => onChange(wanted), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text, value, onChange]);
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
        onChange(undefined);
      }}
    />
  );
}
