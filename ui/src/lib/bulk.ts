// Does one thing to many, a few at a time, and keeps each one's own result.

export type Result<R> = { ok: true; value: R } | { ok: false; error: unknown };

/** Runs `work` on each of `items`, at most `width` at once; tells each end. */
export async function eachOf<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<R>,
  tell: (item: T, result: Result<R>) => void,
): Promise<void> {
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) {
      try {
        tell(item, { ok: true, value: await work(item) });
      } catch (error) {
        tell(item, { ok: false, error });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
}
