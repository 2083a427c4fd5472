// Light or dark: as the system prefers until the reader chooses.
import { useSyncExternalStore } from "react";

export type Theme = "light" | "dark";

const KEY = "hostler.theme";
const DARK_CLASS = "pf-v6-theme-dark";
const preference = window.matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

function chosen(): Theme | undefined {
  const stored = localStorage.getItem(KEY);
  return stored === "light" || stored === "dark" ? stored : undefined;
}

export function currentTheme(): Theme {
  return chosen() ?? (preference.matches ? "dark" : "light");
}

function apply(): void {
  const theme = currentTheme();
  document.documentElement.classList.toggle(DARK_CLASS, theme === "dark");
  document.documentElement.style.colorScheme = theme;
  for (const listener of listeners) listener();
}

/** Puts the theme in force; called once before anything is drawn. */
export function startTheme(): void {
  preference.addEventListener("change", apply);
  apply();
}

export function chooseTheme(theme: Theme): void {
  localStorage.setItem(KEY, theme);
  apply();
}

export function useTheme(): Theme {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, currentTheme);
}
