// The masthead: name, how live the page is, light or dark, who you are.
import {
  Button,
  Dropdown,
  DropdownItem,
  DropdownList,
  Masthead,
  MastheadBrand,
  MastheadContent,
  MastheadMain,
  MastheadToggle,
  MenuToggle,
  PageToggleButton,
} from "@patternfly/react-core";
import { BarsIcon, MoonIcon, SearchIcon, SunIcon, UserIcon } from "@patternfly/react-icons";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { body, client } from "../../api/client";
import { serverQuery, sessionQuery } from "../../api/query";
import { chooseTheme, useTheme } from "../../lib/theme";
import { paths } from "../../paths";
import { useToasts } from "../Toasts";
import { LiveChip } from "./LiveChip";
import { OPEN_PALETTE } from "./Shortcuts";

export function TopBar() {
  return (
    <Masthead display={{ default: "inline" }}>
      <MastheadMain>
        <MastheadToggle>
          <PageToggleButton variant="plain" aria-label="Navigation">
            <BarsIcon />
          </PageToggleButton>
        </MastheadToggle>
        <MastheadBrand>
          <Link {...paths.vms()} className="brand">
            <img src="/favicon.svg" alt="" width={24} height={24} /> Hostler
          </Link>
        </MastheadBrand>
      </MastheadMain>
      <MastheadContent>
        <div className="spring" />
        <Button
          variant="plain"
          aria-label="Go to a VM, a host, a cluster or a page (Ctrl K)"
          title="Go to … (Ctrl K)"
          icon={<SearchIcon />}
          onClick={() => document.dispatchEvent(new Event(OPEN_PALETTE))}
        />
        <LiveChip />
        <ThemeButton />
        <UserMenu />
      </MastheadContent>
    </Masthead>
  );
}

function ThemeButton() {
  const theme = useTheme();
  const other = theme === "dark" ? "light" : "dark";
  return (
    <Button
      variant="plain"
      aria-label={`Use the ${other} theme`}
      title={`Use the ${other} theme`}
      icon={theme === "dark" ? <SunIcon /> : <MoonIcon />}
      onClick={() => chooseTheme(other)}
    />
  );
}

function UserMenu() {
  const [open, setOpen] = useState(false);
  const { data: session } = useQuery(sessionQuery);
  const { data: server } = useQuery(serverQuery);
  const queries = useQueryClient();
  const { fail } = useToasts();
  const logOut = useMutation({
    mutationFn: () => body(client.DELETE("/api/v1/session")),
    onSuccess: () => {
      // Nothing of what was seen stays in the browser.
      queries.clear();
      window.location.assign("/");
    },
    onError: (error) => fail("Cannot log out", error),
  });
  return (
    <Dropdown
      isOpen={open}
      onOpenChange={setOpen}
      onSelect={() => setOpen(false)}
      popperProps={{ position: "right" }}
      toggle={(ref) => (
        <MenuToggle
          ref={ref}
          variant="plainText"
          icon={<UserIcon />}
          isExpanded={open}
          onClick={() => setOpen(!open)}
        >
          {session?.actor ?? "…"}
        </MenuToggle>
      )}
    >
      <DropdownList>
        <DropdownItem key="role" isDisabled description={`Hostler ${server?.version ?? ""}`}>
          Role: {session?.role}
        </DropdownItem>
        <DropdownItem key="docs" to="/api/docs">
          API documentation
        </DropdownItem>
        <DropdownItem key="licences" to="/licences.txt">
          Licences
        </DropdownItem>
        <DropdownItem key="out" onClick={() => logOut.mutate()}>
          Log out
        </DropdownItem>
      </DropdownList>
    </Dropdown>
  );
}
