//! Dashboards of Grafana, made from short descriptions: what every panel has in common is said
//! here once, and where a panel stands follows from its order and size.
//!
//! ```text
//!  variables.toml ─┐
//!  fleet.toml ─────┴─► panels in rows of 24 columns ─► fleet.json
//! ```

use std::fs;
use std::path::Path;

use hostler_lab::{Error, Result};
use serde_json::{Map, Value as Json, json};
use toml::{Table, Value};

/// Where descriptions are, and what is made of them.
const FOLDER: &str = "catalog/dashboards";

/// The dashboards, in the order of the guide.
const DASHBOARDS: &[&str] = &[
    "fleet",
    "hosts",
    "host",
    "vms",
    "vm",
    "storage",
    "migrations",
    "control-plane",
    "alerts",
    "capacity",
];

/// The oldest schema that knows all we say: Grafana 9 and later read it, and bring it up to date.
const SCHEMA_VERSION: u64 = 37;
/// Columns of Grafana's grid.
const COLUMNS: u64 = 24;
/// Width and height of a panel that does not say any.
const SIZE: (u64, u64) = (12, 8);

/// What a panel may say, for each kind of panel beyond `title`, `help`, `size` and `queries`.
const KINDS: &[(&str, &[&str])] = &[
    ("row", &[]),
    ("text", &["text"]),
    ("stat", &["unit", "none", "thresholds"]),
    ("timeseries", &["unit", "stack", "max", "negative"]),
    ("state-timeline", &[]),
    ("bargauge", &["unit", "max", "thresholds"]),
    ("table", &["labels", "units", "links", "none"]),
];

/// The units of Grafana that we use.
const UNITS: &[&str] = &[
    "short",
    "percentunit",
    "bytes",
    "binBps",
    "s",
    "iops",
    "pps",
    "reqps",
    "ops",
    "cps",
    "dateTimeFromNow",
];

/// Every dashboard's path in the checkout, and its JSON.
///
/// # Errors
/// Names the dashboard, the panel and what is wrong with it.
pub(super) fn made(root: &Path) -> Result<Vec<(String, String)>> {
    let read = |name: &str| -> Result<Table> {
        let path = format!("{FOLDER}/{name}.toml");
        let text = fs::read_to_string(root.join(&path))?;
        text.parse().map_err(|error| Error::new(format!("{path}: {error}")))
    };
    let variables = read("variables")?;
    let make = |name: &&str| {
        let json = dashboard(name, &read(name)?, &variables)
            .map_err(|error| error.context(format!("{FOLDER}/{name}.toml")))?;
        let text =
            serde_json::to_string_pretty(&json).map_err(|error| Error::new(error.to_string()))?;
        Ok((format!("{FOLDER}/{name}.json"), text + "\n"))
    };
    DASHBOARDS.iter().map(make).collect()
}

/// The id by which dashboards link to each other; it never changes.
fn uid(name: &str) -> String {
    format!("hostler-{name}")
}

fn dashboard(name: &str, told: &Table, library: &Table) -> Result<Json> {
    known(told, &["title", "help", "variables", "range", "alerts", "panel"])?;
    let mut variables = vec![datasource()];
    for wanted in words(told, "variables") {
        let found = library.get(wanted).and_then(Value::as_table);
        let found = found.ok_or_else(|| Error::new(format!("there is no variable {wanted}")))?;
        variables.push(variable(wanted, found)?);
    }
    let panels = told.get("panel").and_then(Value::as_array).into_iter().flatten();
    let mut placed = Vec::new();
    let mut place = Place::default();
    for panel in panels.filter_map(Value::as_table) {
        let title = word(panel, "title").unwrap_or_default();
        let id = placed.len() as u64 + 1;
        placed.push(one(panel, id, &mut place).map_err(|error| error.context(title))?);
    }
    Ok(json!({
        "uid": uid(name),
        "title": format!("Hostler / {}", needed(told, "title")?),
        "description": needed(told, "help")?,
        "tags": ["hostler"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": true,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": { "from": format!("now-{}", word(told, "range").unwrap_or("6h")), "to": "now" },
        "timezone": "browser",
        "templating": { "list": variables },
        "annotations": { "list": annotations(word(told, "alerts")) },
        "links": [{
            "type": "dashboards", "title": "Hostler", "tags": ["hostler"], "asDropdown": true,
            "includeVars": false, "keepTime": true, "targetBlank": false,
        }],
        "panels": placed,
    }))
}

/// What every query asks.
fn source() -> Json {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

fn datasource() -> Json {
    json!({
        "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus",
        "hide": 0, "includeAll": false, "multi": false, "refresh": 1, "regex": "",
    })
}

fn variable(name: &str, told: &Table) -> Result<Json> {
    known(told, &["label", "query", "regex", "many", "choices"])?;
    let label = needed(told, "label")?;
    if let Some(choices) = word(told, "choices") {
        return Ok(json!({ "name": name, "label": label, "type": "custom", "query": choices,
            "hide": 0, "includeAll": false, "multi": false }));
    }
    let query = needed(told, "query")?;
    let many = flag(told, "many");
    let mut variable = json!({
        "name": name, "label": label, "type": "query", "datasource": source(), "definition": query,
        "query": { "query": query, "refId": "Variable" }, "regex": word(told, "regex").unwrap_or(""),
        // By name; anew when the range changes, so that what is gone can be looked at.
        "refresh": 2, "sort": 1, "hide": 0, "includeAll": many, "multi": many,
    });
    if many {
        variable["allValue"] = json!(".*");
        variable["current"] = json!({ "selected": true, "text": ["All"], "value": ["$__all"] });
    }
    Ok(variable)
}

/// Firing alerts that fit, as marks on every chart.
fn annotations(fitting: Option<&str>) -> Json {
    let Some(matchers) = fitting else { return json!([]) };
    json!([{
        "name": "Alerts", "enable": true, "iconColor": "red", "datasource": source(),
        "expr": format!("ALERTS{{alertstate=\"firing\",{matchers}}}"),
        "titleFormat": "{{alertname}}", "textFormat": "{{severity}}", "step": "60s",
    }])
}

/// Where the next panel goes: beside the last one while there is room, else under all of its row.
#[derive(Default)]
struct Place {
    x: u64,
    y: u64,
    tallest: u64,
}

impl Place {
    fn next(&mut self, (width, height): (u64, u64)) -> Json {
        if self.x + width > COLUMNS {
            (self.x, self.y, self.tallest) = (0, self.y + self.tallest, 0);
        }
        let at = json!({ "x": self.x, "y": self.y, "w": width, "h": height });
        self.x += width;
        self.tallest = self.tallest.max(height);
        at
    }
}

fn one(told: &Table, id: u64, place: &mut Place) -> Result<Json> {
    let kind = word(told, "kind").unwrap_or("timeseries");
    let found = KINDS.iter().find(|(known, _)| *known == kind);
    let (_, may_say) = found.ok_or_else(|| Error::new(format!("there is no kind {kind}")))?;
    let common = ["title", "kind", "help", "size", "queries"];
    known(told, &[&common, *may_say].concat())?;
    let title = needed(told, "title")?;
    if kind == "row" {
        let at = place.next((COLUMNS, 1));
        return Ok(json!({ "id": id, "type": "row", "title": title, "collapsed": false,
            "gridPos": at, "panels": [] }));
    }
    let mut panel = json!({
        "id": id, "type": kind, "title": title, "description": needed(told, "help")?,
        "gridPos": place.next(size(told)?),
    });
    if kind == "text" {
        let text = needed(told, "text")?;
        panel["options"] = json!({ "mode": "markdown", "content": text });
        return Ok(panel);
    }
    panel["datasource"] = source();
    panel["targets"] = targets(told, kind)?;
    panel["fieldConfig"] =
        json!({ "defaults": defaults(told, kind)?, "overrides": overrides(told)? });
    panel["options"] = options(kind);
    if kind == "table" {
        panel["transformations"] = columns(told)?;
    }
    Ok(panel)
}

fn size(told: &Table) -> Result<(u64, u64)> {
    let Some(given) = told.get("size") else { return Ok(SIZE) };
    let sides: Vec<u64> = given.as_array().into_iter().flatten().filter_map(unsigned).collect();
    match sides.as_slice() {
        [width @ 1..=COLUMNS, height @ 1..=24] => Ok((*width, *height)),
        _ => Err(Error::new("size is [width up to 24, height up to 24]")),
    }
}

/// The queries in their order, by what the legend calls their series.
fn queries(told: &Table) -> Result<Vec<(&str, &str)>> {
    let all = told.get("queries").and_then(Value::as_table).into_iter().flatten();
    let all: Vec<_> =
        all.filter_map(|(legend, query)| Some((legend.as_str(), query.as_str()?.trim()))).collect();
    if all.is_empty() { Err(Error::new("has no queries")) } else { Ok(all) }
}

/// `A`, `B` and so on.
fn letter(at: usize) -> String {
    char::from(b'A' + u8::try_from(at % 26).unwrap_or_default()).to_string()
}

fn targets(told: &Table, kind: &str) -> Result<Json> {
    // A chart shows a time; the others show the last moment of it.
    let is_range = matches!(kind, "timeseries" | "state-timeline");
    let target = |(at, (legend, query)): (usize, (&str, &str))| {
        json!({
            "refId": letter(at), "datasource": source(), "expr": query, "legendFormat": legend,
            "range": is_range, "instant": !is_range,
            "format": if kind == "table" { "table" } else { "time_series" },
        })
    };
    Ok(queries(told)?.into_iter().enumerate().map(target).collect())
}

fn defaults(told: &Table, kind: &str) -> Result<Json> {
    let unit = word(told, "unit").unwrap_or("short");
    let mut all = json!({ "unit": checked_unit(unit)?, "thresholds": thresholds(told)? });
    if let Some(none) = word(told, "none") {
        all["noValue"] = json!(none);
    }
    if let Some(max) = told.get("max").and_then(Value::as_float) {
        all["max"] = json!(max);
    }
    match kind {
        "timeseries" => {
            if !flag(told, "negative") {
                all["min"] = json!(0);
            }
            let stacked = flag(told, "stack");
            // A gap is a time in which nothing was measured, and is drawn as one.
            all["custom"] = json!({
                "drawStyle": "line", "lineWidth": 1, "fillOpacity": if stacked { 30 } else { 5 },
                "spanNulls": false, "showPoints": "auto", "pointSize": 4,
                "stacking": { "mode": if stacked { "normal" } else { "none" }, "group": "A" },
            });
        }
        "state-timeline" => {
            all["color"] = json!({ "mode": "palette-classic" });
            all["custom"] = json!({ "fillOpacity": 70, "lineWidth": 0, "spanNulls": false });
        }
        "bargauge" => all["min"] = json!(0),
        _ => {}
    }
    Ok(all)
}

/// Green, then orange and red from the two values on; one colour where none are told.
fn thresholds(told: &Table) -> Result<Json> {
    let values = told.get("thresholds").and_then(Value::as_array);
    let number =
        |value: &Value| value.as_float().or_else(|| value.as_integer().map(|it| it as f64));
    let values: Vec<f64> = values.into_iter().flatten().filter_map(number).collect();
    let first = json!({ "color": if values.is_empty() { "blue" } else { "green" }, "value": null });
    let steps = match values.as_slice() {
        [] => vec![first],
        [red] => vec![first, json!({ "color": "red", "value": red })],
        [orange, red] => vec![
            first,
            json!({ "color": "orange", "value": orange }),
            json!({ "color": "red", "value": red }),
        ],
        _ => return Err(Error::new("thresholds are one value or two")),
    };
    Ok(json!({ "mode": "absolute", "steps": steps }))
}

fn checked_unit(unit: &str) -> Result<&str> {
    let is_known = UNITS.contains(&unit);
    is_known.then_some(unit).ok_or_else(|| Error::new(format!("there is no unit {unit}")))
}

/// Units and links of single columns of a table.
fn overrides(told: &Table) -> Result<Json> {
    let mut all = Vec::new();
    let mut add = |column: &str, id: &str, value: Json| {
        all.push(json!({
            "matcher": { "id": "byName", "options": column },
            "properties": [{ "id": id, "value": value }],
        }));
    };
    let of = |key: &str| told.get(key).and_then(Value::as_table).into_iter().flatten();
    for (column, unit) in of("units") {
        add(column, "unit", json!(checked_unit(unit.as_str().unwrap_or_default())?));
    }
    for (column, to) in of("links") {
        let to = to.as_str().unwrap_or_default();
        let (name, variables) = match to {
            "host" => {
                ("host", "var-provider=${__data.fields.provider}&var-host=${__data.fields.host}")
            }
            "vm" => ("vm", "var-vm=${__data.fields.vm_id}"),
            _ => return Err(Error::new(format!("there is no link to {to}"))),
        };
        let url = format!(
            "/d/{}?var-datasource=${{datasource}}&{variables}&${{__url_time_range}}",
            uid(name)
        );
        add(column, "links", json!([{ "title": "Look at it", "url": url, "targetBlank": false }]));
    }
    if words(told, "labels").contains(&"vm_id") {
        add("vm_id", "custom.hidden", json!(true));
    }
    Ok(Json::Array(all))
}

/// One row a thing: what was asked of it, beside the labels that name it.
fn columns(told: &Table) -> Result<Json> {
    let mut renamed = Map::new();
    let mut order = Map::new();
    let labels = words(told, "labels");
    for (at, label) in labels.iter().enumerate() {
        order.insert((*label).to_owned(), json!(at));
    }
    let queries = queries(told)?;
    for (at, (title, _)) in queries.iter().enumerate() {
        // Grafana calls the value of an only query otherwise.
        let column = match queries.len() {
            1 => "Value".to_owned(),
            _ => format!("Value #{}", letter(at)),
        };
        order.insert(column.clone(), json!(labels.len() + at));
        renamed.insert(column, json!(title));
    }
    let organize = json!({
        "excludeByName": { "Time": true }, "indexByName": order, "renameByName": renamed,
    });
    Ok(json!([{ "id": "merge", "options": {} }, { "id": "organize", "options": organize }]))
}

fn options(kind: &str) -> Json {
    let last = json!({ "calcs": ["lastNotNull"], "fields": "", "values": false });
    match kind {
        "timeseries" => json!({
            "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] },
            "tooltip": { "mode": "multi", "sort": "desc" },
        }),
        "state-timeline" => json!({
            "showValue": "never", "mergeValues": true, "rowHeight": 0.9,
            "legend": { "displayMode": "list", "placement": "bottom", "showLegend": false },
            "tooltip": { "mode": "single", "sort": "none" },
        }),
        "stat" => json!({
            "reduceOptions": last, "colorMode": "value", "graphMode": "none", "textMode": "auto",
            "justifyMode": "auto", "orientation": "auto",
        }),
        "bargauge" => json!({
            "reduceOptions": last, "displayMode": "basic", "orientation": "horizontal",
            "showUnfilled": true, "valueMode": "color",
        }),
        _ => json!({ "showHeader": true, "cellHeight": "sm", "footer": { "show": false } }),
    }
}

fn known(told: &Table, keys: &[&str]) -> Result<()> {
    match told.keys().find(|key| !keys.contains(&key.as_str())) {
        Some(key) => Err(Error::new(format!("unknown key {key}"))),
        None => Ok(()),
    }
}

fn word<'a>(told: &'a Table, key: &str) -> Option<&'a str> {
    told.get(key).and_then(Value::as_str).map(str::trim)
}

fn needed<'a>(told: &'a Table, key: &str) -> Result<&'a str> {
    let found = word(told, key).filter(|text| !text.is_empty());
    found.ok_or_else(|| Error::new(format!("has no {key}")))
}

fn words<'a>(told: &'a Table, key: &str) -> Vec<&'a str> {
    let all = told.get(key).and_then(Value::as_array).into_iter().flatten();
    all.filter_map(Value::as_str).collect()
}

fn flag(told: &Table, key: &str) -> bool {
    told.get(key).and_then(Value::as_bool) == Some(true)
}

fn unsigned(value: &Value) -> Option<u64> {
    value.as_integer().and_then(|number| u64::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIBRARY: &str =
        "[host]\nlabel = \"Host\"\nquery = \"label_values(up, host)\"\nmany = true\n";

    fn of(panels: &str) -> Result<Json> {
        let head = "title = \"T\"\nhelp = \"H\"\nvariables = [\"host\"]\n";
        let told: Table = format!("{head}{panels}").parse().unwrap();
        dashboard("x", &told, &LIBRARY.parse().unwrap())
    }

    fn panel(more: &str) -> String {
        format!("[[panel]]\ntitle = \"P\"\nhelp = \"h\"\n{more}\n")
    }

    #[test]
    fn panels_stand_beside_each_other_while_there_is_room() {
        let queries = "queries = { a = \"up\" }";
        let sizes = ["size = [12, 8]", "size = [6, 4]", "size = [8, 4]"];
        let text: String = sizes.map(|size| panel(&format!("{size}\n{queries}"))).concat();
        let row = "[[panel]]\nkind = \"row\"\ntitle = \"R\"\n";
        let made = of(&format!("{text}{row}")).unwrap();
        let at = |n: usize, side: &str| made["panels"][n]["gridPos"][side].as_u64().unwrap();
        assert_eq!((at(0, "x"), at(0, "y")), (0, 0));
        assert_eq!((at(1, "x"), at(1, "y")), (12, 0));
        assert_eq!((at(2, "x"), at(2, "y")), (0, 8), "under the tallest of its row");
        assert_eq!((at(3, "x"), at(3, "y"), at(3, "w")), (0, 12, 24));
    }

    #[test]
    fn a_table_names_its_columns_however_many_queries_there_are() {
        let more = "kind = \"table\"\nlabels = [\"vm\", \"vm_id\"]\nlinks = { vm = \"vm\" }";
        let one = of(&panel(&format!("{more}\nqueries = {{ CPU = \"a\" }}"))).unwrap();
        let renamed = |made: &Json| made["panels"][0]["transformations"][1]["options"].clone();
        assert_eq!(renamed(&one)["renameByName"], json!({ "Value": "CPU" }));
        let two =
            of(&panel(&format!("{more}\nqueries = {{ CPU = \"a\", Disk = \"b\" }}"))).unwrap();
        let names = json!({ "Value #A": "CPU", "Value #B": "Disk" });
        assert_eq!(renamed(&two)["renameByName"], names);
        assert_eq!(renamed(&two)["indexByName"]["Value #B"], 3);
        let link = &two["panels"][0]["fieldConfig"]["overrides"][0]["properties"][0]["value"][0];
        assert!(link["url"].as_str().unwrap().starts_with("/d/hostler-vm?"), "{link}");
    }

    #[test]
    fn a_slip_is_refused_with_its_place_and_reason() {
        let good = "queries = { a = \"up\" }";
        for (more, reason) in [
            ("queries = {}", "has no queries"),
            ("kind = \"graph\"\nqueries = { a = \"up\" }", "no kind graph"),
            ("unit = \"kilobytes\"\nqueries = { a = \"up\" }", "no unit kilobytes"),
            ("size = [25, 4]\nqueries = { a = \"up\" }", "size is"),
            ("kind = \"stat\"\nstack = true\nqueries = { a = \"up\" }", "unknown key stack"),
        ] {
            let error = of(&panel(more)).unwrap_err().to_string();
            assert!(error.contains("P") && error.contains(reason), "{error}");
        }
        assert!(of(&panel(good)).is_ok());
    }
}
