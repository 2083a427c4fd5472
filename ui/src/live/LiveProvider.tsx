// Holds the page's one event stream and its one stream of figures while somebody is
// logged in, and lets any component ask how fresh the page is.
import { useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useState } from "react";
import { keys } from "../api/query";
import { LiveConnection, type LiveStatus } from "./connection";
import { FigureStream } from "./figures";
import { CacheUpdater } from "./updater";

const NOT_YET: LiveStatus = { phase: "connecting", lastSign: undefined };
const LiveContext = createContext<LiveStatus>(NOT_YET);
export const FigureContext = createContext<FigureStream | undefined>(undefined);

export function LiveProvider({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const [status, setStatus] = useState<LiveStatus>(NOT_YET);
  const [figures, setFigures] = useState<FigureStream>();
  useEffect(() => {
    const updater = new CacheUpdater(queries);
    const connection = new LiveConnection({
      onEvent: (event) => updater.event(event),
      onResync: () => updater.resync(),
      onStatus: setStatus,
      onLoggedOut: () => void queries.invalidateQueries({ queryKey: keys.session }),
    });
    void connection.run();
    return () => {
      connection.stop();
      updater.stop();
    };
  }, [queries]);
  useEffect(() => {
    const stream = new FigureStream();
    setFigures(stream);
    return () => stream.stop();
  }, []);
  return (
    <LiveContext value={status}>
      <FigureContext value={figures}>{children}</FigureContext>
    </LiveContext>
  );
}

export function useLive(): LiveStatus {
  return useContext(LiveContext);
}
