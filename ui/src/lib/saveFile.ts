// Gives the reader a file made in the page.

export function saveFile(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = url;
  // A VM may be called anything; a file may not.
  link.download = name.replace(/[^A-Za-z0-9._-]+/g, "_");
  link.click();
  // The browser has begun to read it once this turn is over.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
