// Rows of lists as what can be chosen.

export function namesOf(rows: readonly { name: string }[]) {
  return [...new Set(rows.map((row) => row.name))].map((name) => ({ value: name, text: name }));
}

export function idsOf(rows: readonly { id: string; name: string }[]) {
  return rows.map((row) => ({ value: row.id, text: row.name }));
}
