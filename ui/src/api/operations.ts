// What can be done to operations, and the cache that shows them at once.
import {
  type InfiniteData,
  type QueryClient,
  queryOptions,
  useMutation,
  useQueryClient,
} from "@tanstack/react-query";
import { body, client } from "./client";
import { keys, type ListParams } from "./query";
import type { Operation, Page } from "./types";

export function operationQuery(operation: string) {
  return queryOptions({
    queryKey: keys.item("operations", operation),
    queryFn: ({ signal }) =>
      body(
        client.GET("/api/v1/operations/{operation}", {
          params: { path: { operation }, query: {} },
          signal,
        }),
      ),
  });
}

type OperationList = InfiniteData<Page<Operation>>;

/** The order in which the server lists operations unless it is asked for another. */
const NEWEST_FIRST = "-created_at";

export type OperationVerb =
  | { verb: "cancel" }
  | { verb: "retry" }
  | { verb: "resolve"; note: string };

/** Does `verb` to the operation; the answer is the operation as it now is. */
export function useOperationVerb(operation: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (what: OperationVerb) => {
      const params = { path: { operation } };
      if (what.verb === "cancel") {
        return body(client.POST("/api/v1/operations/{operation}/cancel", { params }));
      }
      if (what.verb === "retry") {
        return body(client.POST("/api/v1/operations/{operation}/retry", { params }));
      }
      return body(
        client.POST("/api/v1/operations/{operation}/resolve", {
          params,
          body: { note: what.note },
        }),
      );
    },
    onSuccess: (answer) => keepOperation(queries, answer),
  });
}

/** Puts an operation that the server just told about into every view of it. */
export function keepOperation(queries: QueryClient, operation: Operation): void {
  queries.setQueryData(keys.item("operations", operation.id), operation);
  for (const [key, list] of queries.getQueriesData<OperationList>({
    queryKey: keys.lists("operations"),
  })) {
    const params = (key[2] ?? {}) as ListParams;
    if (list) queries.setQueryData(key, withOperation(list, operation, beginsWithNewest(params)));
  }
  for (const resource of operation.resources) {
    if (resource.kind === "vm") {
      void queries.invalidateQueries({ queryKey: keys.item("vms", resource.id) });
    }
  }
}

/** Whether every new operation comes first there; into any other list the server puts it. */
function beginsWithNewest({ filter, search, sort }: ListParams): boolean {
  return filter === undefined && search === undefined && (sort ?? NEWEST_FIRST) === NEWEST_FIRST;
}

/** The list with the operation in its place; at the top where it was not in it and `isNewest`. */
function withOperation(list: OperationList, operation: Operation, isNewest: boolean) {
  const known = list.pages.some((page) => page.items.some((item) => item.id === operation.id));
  const pages = list.pages.map((page, index) => {
    if (!known && isNewest && index === 0) return { ...page, items: [operation, ...page.items] };
    return {
      ...page,
      items: page.items.map((item) => (item.id === operation.id ? operation : item)),
    };
  });
  return { ...list, pages };
}
