// What can be done with a terminal's text: copy, paste, find, keep as a file.
import { Button, SearchInput } from "@patternfly/react-core";
import type { Terminal } from "@xterm/xterm";
import { type RefObject, useRef, useState } from "react";
import { useToasts } from "../../../../components/Toasts";
import { saveFile } from "../../../../lib/saveFile";
import { allText, findUpwards, type Place } from "../../../../lib/terminalText";

interface Props {
  name: string;
  terminal: RefObject<Terminal | null>;
  onFullScreen: () => void;
  onReconnect: () => void;
}

export function SerialTools({ name, terminal, onFullScreen, onReconnect }: Props) {
  const { fail } = useToasts();
  const copy = () => {
    const term = terminal.current;
    if (!term) return;
    const text = term.getSelection() || allText(term.buffer.active);
    navigator.clipboard.writeText(text).catch((error) => fail("Cannot copy", error));
  };
  const paste = () => {
    navigator.clipboard
      .readText()
      .then((text) => terminal.current?.paste(text))
      .catch((error) => fail("Cannot paste", error));
  };
  const save = () => {
    const term = terminal.current;
    if (!term) return;
    const text = allText(term.buffer.active);
    saveFile(`${name}-serial.log`, new Blob([text], { type: "text/plain" }));
  };
  return (
    <>
      <Button variant="secondary" size="sm" onClick={copy}>
        Copy
      </Button>
      <Button variant="secondary" size="sm" onClick={paste}>
        Paste
      </Button>
      <Button variant="secondary" size="sm" onClick={save}>
        Download
      </Button>
      <Button variant="secondary" size="sm" onClick={() => terminal.current?.clear()}>
        Clear
      </Button>
      <Button variant="secondary" size="sm" onClick={onFullScreen}>
        Full screen
      </Button>
      <Button variant="link" size="sm" onClick={onReconnect}>
        Reconnect
      </Button>
      <Find terminal={terminal} />
    </>
  );
}

/** Finds the latest first, as one reads a log; Enter again finds the one before. */
function Find({ terminal }: { terminal: Props["terminal"] }) {
  const [words, setWords] = useState("");
  const [missing, setMissing] = useState(false);
  const last = useRef<Place>(undefined);
  const change = (next: string) => {
    setWords(next);
    setMissing(false);
    last.current = undefined;
    terminal.current?.clearSelection();
  };
  const find = () => {
    const term = terminal.current;
    if (!term || words === "") return;
    const place = findUpwards(term.buffer.active, words, last.current);
    last.current = place;
    setMissing(!place);
    if (!place) return;
    term.select(place.column, place.row, words.length);
    term.scrollToLine(Math.max(0, place.row - Math.floor(term.rows / 2)));
  };
  return (
    <>
      <SearchInput
        className="find"
        aria-label="Find in the terminal"
        placeholder="Find"
        value={words}
        onChange={(_event, next) => change(next)}
        onClear={() => change("")}
        onSearch={find}
      />
      <span role="status" className="hint">
        {missing && "not found"}
      </span>
    </>
  );
}
