// The palette under Ctrl-K: type a part of a name, press Enter, be there. VMs,
// hosts and clusters are searched by the server, pages and commands are a short list here.
import { Modal, ModalBody, TextInput } from "@patternfly/react-core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, useDeferredValue, useId, useState } from "react";
import { chooseTheme, currentTheme } from "../../lib/theme";
import { paths } from "../../paths";
import { useMissing } from "../useMay";
import { type Entry, search } from "./found";
import { SUB_PAGES, TOP_PAGES } from "./pages";

export function Palette({ onClose }: { onClose: () => void }) {
  const [typed, setTyped] = useState("");
  /** The entry gone to with the arrows; it stays chosen when others come or go. */
  const [pointed, setPointed] = useState<string>();
  const navigate = useNavigate();
  const list = useId();
  const entries = useEntries(useDeferredValue(typed.trim()));
  const chosen = Math.max(
    0,
    entries.findIndex(({ id }) => id === pointed),
  );
  const go = (entry: Entry | undefined) => {
    if (!entry) return;
    onClose();
    if (typeof entry.go === "function") entry.go();
    else void navigate(entry.go);
  };
  const pressed = (event: KeyboardEvent) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by !== undefined && entries.length > 0) {
      setPointed(entries[(chosen + by + entries.length) % entries.length]?.id);
    } else if (event.key === "Enter") go(entries[chosen]);
    else return;
    event.preventDefault();
  };
  return (
    <Modal
      isOpen
      variant="small"
      position="top"
      onClose={onClose}
      aria-label="Go to"
      elementToFocus={`[id="${list}-typed"]`}
    >
      <ModalBody>
        {/* biome-ignore lint/a11y/noStaticElementInteractions: the keys are the field's within */}
        <div className="palette" onKeyDown={pressed}>
          <TextInput
            id={`${list}-typed`}
            type="search"
            role="combobox"
            aria-label="VM, host, cluster, page or command"
            aria-expanded={entries.length > 0}
            aria-controls={list}
            aria-activedescendant={entries[chosen] && `${list}-${chosen}`}
            placeholder="VM, host, cluster, page or command"
            value={typed}
            autoComplete="off"
            spellCheck={false}
            onChange={(_event, next) => {
              setTyped(next);
              setPointed(undefined);
            }}
          />
          <div id={list} role="listbox" aria-label="What was found">
            {entries.map((entry, index) => (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the field has the keys
              <div
                key={entry.id}
                id={`${list}-${index}`}
                role="option"
                aria-selected={index === chosen}
                tabIndex={-1}
                onClick={() => go(entry)}
              >
                {entry.text} <small>{entry.about}</small>
              </div>
            ))}
          </div>
          {entries.length === 0 && <p role="status">Nothing of that name.</p>}
        </div>
      </ModalBody>
    </Modal>
  );
}

function useEntries(typed: string): Entry[] {
  const mayInfra = useMissing("infra.read") === undefined;
  const found = useQuery({
    queryKey: ["palette", typed, mayInfra],
    queryFn: ({ signal }) => search(typed, mayInfra, signal),
    enabled: typed !== "",
    placeholderData: keepPreviousData,
    staleTime: 5_000,
  });
  const wanted = typed.toLowerCase();
  const own = ownEntries().filter(({ text }) => text.toLowerCase().includes(wanted));
  return typed === "" ? own : [...(found.data ?? []), ...own];
}

function ownEntries(): Entry[] {
  const other = currentTheme() === "dark" ? "light" : "dark";
  return [
    ...TOP_PAGES.map(({ text, prefix, link, key }) => ({
      id: prefix,
      text,
      about: `page · g ${key}`,
      go: link,
    })),
    ...SUB_PAGES.map(({ text, of, link }) => ({ id: text, text, about: `page · ${of}`, go: link })),
    { id: "create", text: "Create a VM", about: "command", go: paths.vmCreate() },
    {
      id: "theme",
      text: `Use the ${other} theme`,
      about: "command",
      go: () => chooseTheme(other),
    },
  ];
}
