// The palette under Ctrl-K: type a part of a name, press Enter, be there. VMs and
// hosts are searched by the server, pages and commands are a short list here.
import { Modal, ModalBody, TextInput } from "@patternfly/react-core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type LinkOptions, useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, useDeferredValue, useId, useState } from "react";
import { body, client } from "../../api/client";
import { words } from "../../lib/format";
import { chooseTheme, currentTheme } from "../../lib/theme";
import { paths } from "../../paths";
import { SUB_PAGES, TOP_PAGES } from "./pages";

interface Entry {
  id: string;
  text: string;
  /** What kind of thing it is, and what tells it from others of its name. */
  about: string;
  go: LinkOptions | (() => void);
}

/** So many of a kind are offered; more letters find the others. */
const LIMIT = 8;

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
            aria-label="VM, host, page or command"
            aria-expanded={entries.length > 0}
            aria-controls={list}
            aria-activedescendant={entries[chosen] && `${list}-${chosen}`}
            placeholder="VM, host, page or command"
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
  const found = useQuery({
    queryKey: ["palette", typed],
    queryFn: ({ signal }) => search(typed, signal),
    enabled: typed !== "",
    placeholderData: keepPreviousData,
    staleTime: 5_000,
  });
  const wanted = typed.toLowerCase();
  const own = ownEntries().filter(({ text }) => text.toLowerCase().includes(wanted));
  return typed === "" ? own : [...(found.data ?? []), ...own];
}

async function search(typed: string, signal: AbortSignal): Promise<Entry[]> {
  const params = { query: { search: typed, limit: LIMIT, sort: "name" } };
  const [vms, hosts] = await Promise.all([
    body(client.GET("/api/v1/vms", { params, signal })),
    body(client.GET("/api/v1/hosts", { params, signal })),
  ]);
  return [
    ...vms.items.map((vm) => ({
      id: vm.id,
      text: vm.name,
      about: ["VM", words(vm.status.state), vm.host?.name].filter(Boolean).join(" · "),
      go: paths.vm(vm.id),
    })),
    ...hosts.items.map((host) => ({
      id: host.id,
      text: host.name,
      about: `host · ${words(host.state)}`,
      go: paths.host(host.id),
    })),
  ];
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
