// Which time the charts show: the last minutes to days, live or standing, or any
// two times.
import { Button, Popover, Switch, ToggleGroup, ToggleGroupItem } from "@patternfly/react-core";
import { SearchMinusIcon } from "@patternfly/react-icons";
import { type FormEvent, type ReactNode, useState } from "react";
import {
  DEFAULT_SPAN,
  instantText,
  isLive,
  type RangeSearch,
  rangeOf,
  SPAN_TEXT,
  SPANS,
  timesOf,
} from "../../lib/charts/range";
import { serverNow } from "../../lib/clock";
import { localTime } from "../../lib/format";

interface Props {
  search: RangeSearch;
  onSearch: (search: RangeSearch) => void;
  onReset: () => void;
  children?: ReactNode;
}

export function RangeBar({ search, onSearch, onReset, children }: Props) {
  const isBetween = search.from !== undefined;
  return (
    <div className="range-bar" role="toolbar" aria-label="Time of the charts">
      <ToggleGroup isCompact aria-label="Time up to now">
        {SPANS.map((span) => (
          <ToggleGroupItem
            key={span}
            text={span}
            buttonId={`range-${span}`}
            aria-label={`${span}: the last ${SPAN_TEXT[span]}`}
            isSelected={!isBetween && (search.range ?? DEFAULT_SPAN) === span}
            onChange={() => onSearch({ range: span, live: search.live })}
          />
        ))}
      </ToggleGroup>
      <Custom search={search} onSearch={onSearch} />
      {isBetween ? (
        <>
          <Button variant="link" isInline icon={<SearchMinusIcon />} onClick={onReset}>
            Reset zoom
          </Button>
          <small>
            {localTime(search.from)} to {localTime(search.to)}
          </small>
        </>
      ) : (
        <Switch
          label="Live"
          aria-label="Live: follow the present"
          isChecked={isLive(search)}
          onChange={(_event, on) => onSearch({ ...search, live: on ? undefined : false })}
        />
      )}
      <div className="spring" />
      {children}
    </div>
  );
}

function Custom({ search, onSearch }: Pick<Props, "search" | "onSearch">) {
  return (
    <Popover
      aria-label="Between two times"
      showClose={false}
      // Mounted when opened, so it begins with what is shown then.
      bodyContent={(hide) => <CustomForm search={search} onSearch={onSearch} hide={hide} />}
    >
      <Button variant={search.from === undefined ? "secondary" : "primary"} size="sm">
        Custom …
      </Button>
    </Popover>
  );
}

function CustomForm({
  search,
  onSearch,
  hide,
}: Pick<Props, "search" | "onSearch"> & { hide: () => void }) {
  const shown = timesOf(rangeOf(search), serverNow());
  const [from, setFrom] = useState(fieldText(shown.start));
  const [to, setTo] = useState(fieldText(shown.end));
  const [start, end] = [Date.parse(from), Date.parse(to)];
  const fault =
    Number.isNaN(start) || Number.isNaN(end)
      ? "Give both times."
      : start >= end
        ? "The first time has to be before the second."
        : start > serverNow()
          ? "That is in the future: nothing was measured yet."
          : undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (fault) return;
    onSearch({
      range: search.range,
      live: search.live,
      from: instantText(start),
      to: instantText(end),
    });
    hide();
  };
  return (
    <form className="custom-range" onSubmit={submit}>
      <label>
        From{" "}
        <input
          type="datetime-local"
          step={1}
          value={from}
          onChange={(event) => setFrom(event.target.value)}
        />
      </label>
      <label>
        To{" "}
        <input
          type="datetime-local"
          step={1}
          value={to}
          onChange={(event) => setTo(event.target.value)}
        />
      </label>
      <small role="status">{fault ?? "In your own time zone."}</small>
      <Button type="submit" size="sm" isDisabled={fault !== undefined}>
        Show
      </Button>
    </form>
  );
}

/** Local time as the field has it. */
function fieldText(at: number): string {
  const offset = new Date(at).getTimezoneOffset() * 60_000;
  return new Date(at - offset).toISOString().slice(0, 19);
}
