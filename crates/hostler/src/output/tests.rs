//! Tables, CSV, JSON and YAML of a small kind of resource.

use expect_test::{Expect, expect};
use serde_json::json;

use super::*;

#[derive(Debug, serde::Deserialize)]
struct Thing {
    id: u32,
    name: String,
    size: Option<u64>,
}

impl Resource for Thing {
    const NOUN: &'static str = "thing";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("name", |thing, _| text(thing.name.as_str()).toned(Tone::Good)),
        Column::new("size", |thing, _| bytes(thing.size)),
        Column::wide("id", |thing, _| count(thing.id)),
    ];
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn name(&self) -> String {
        self.name.clone()
    }
}

fn things() -> Vec<Item<Thing>> {
    let jsons = [
        json!({"id": 1, "name": "web", "size": 2147483648_u64, "later": [true]}),
        json!({"id": 2, "name": "=cmd(\"x\"),\u{1b}[2J\u{9b}31m", "size": null}),
        json!({"id": 3, "name": "日本", "size": 0}),
    ];
    jsons.into_iter().map(|json| Item::from_json(json).unwrap()).collect()
}

fn check(format: Format, columns: &[&str], terminal: &Terminal, expected: Expect) {
    let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
    let now = Timestamp::from_millis(0);
    let view = View { format, columns: &columns, template: "", headers: true, terminal, now };
    // So that this file holds no escape characters itself.
    let shown = view.render_list(&things()).unwrap().replace('\u{1b}', "^").replace('\r', "");
    expected.assert_eq(&shown);
}

fn pipe() -> Terminal {
    Terminal::of_test(None, false)
}

#[test]
fn a_table_has_aligned_columns_and_a_dash_where_nothing_is_known() {
    check(
        Format::Table,
        &[],
        &pipe(),
        expect![[r#"
            NAME                      SIZE
            web                       2 GiB
            =cmd("x"),\x1b[2J\x9b31m  -
            日本                      0 B
        "#]],
    );
}

#[test]
fn a_narrow_screen_cuts_the_widest_column_and_a_pipe_never_does() {
    check(
        Format::Wide,
        &[],
        &Terminal::of_test(Some(24), false),
        expect![[r#"
            NAME           SIZE   ID
            web            2 GiB  1
            =cmd("x"),\x…  -      2
            日本           0 B    3
        "#]],
    );
}

#[test]
fn colours_do_not_move_columns() {
    check(
        Format::Table,
        &["name", "id"],
        &Terminal::of_test(Some(80), true),
        expect![[r#"
            ^[2mNAME^[0m                      ^[2mID^[0m
            ^[32mweb^[0m                       1
            ^[32m=cmd("x"),\x1b[2J\x9b31m^[0m  2
            ^[32m日本^[0m                      3
        "#]],
    );
}

#[test]
fn csv_is_whole_and_is_no_formula() {
    check(
        Format::Csv,
        &[],
        &pipe(),
        expect![[r#"
        name,size,id
        web,2147483648,1
        "'=cmd(""x""),^[2J31m",,2
        日本,0,3
    "#]],
    );
}

#[test]
fn json_is_the_api_s_document_with_fields_unknown_here() {
    check(
        Format::Json,
        &[],
        &pipe(),
        expect![[r#"
        [
          {
            "id": 1,
            "name": "web",
            "size": 2147483648,
            "later": [
              true
            ]
          },
          {
            "id": 2,
            "name": "=cmd(\"x\"),\u001b[2J\u009b31m",
            "size": null
          },
          {
            "id": 3,
            "name": "日本",
            "size": 0
          }
        ]
    "#]],
    );
}

#[test]
fn yaml_is_the_same_document() {
    check(
        Format::Yaml,
        &[],
        &pipe(),
        expect![[r#"
        - id: 1
          name: web
          size: 2147483648
          later:
          - true
        - id: 2
          name: "=cmd(\"x\"),\e[2J\x9B31m"
          size: null
        - id: 3
          name: 日本
          size: 0
    "#]],
    );
}

#[test]
fn names_and_ids_are_a_line_each() {
    check(
        Format::Id,
        &[],
        &pipe(),
        expect![[r#"
        1
        2
        3
    "#]],
    );
    check(
        Format::Name,
        &[],
        &pipe(),
        expect![[r#"
        web
        =cmd("x"),\x1b[2J\x9b31m
        日本
    "#]],
    );
}

#[test]
fn json_means_the_same_after_it_was_made_safe() {
    let terminal = pipe();
    let now = Timestamp::from_millis(0);
    let view = View {
        format: Format::Json,
        columns: &[],
        template: "",
        headers: true,
        terminal: &terminal,
        now,
    };
    let shown = view.render_list(&things()).unwrap();
    let read: Vec<serde_json::Value> = serde_json::from_str(&shown).unwrap();
    let sent: Vec<serde_json::Value> = things().into_iter().map(|item| item.json).collect();
    assert_eq!(read, sent);
}

#[test]
fn an_unknown_column_lists_the_known_ones() {
    let (terminal, columns) = (pipe(), ["colour".to_owned()]);
    let now = Timestamp::from_millis(0);
    let view = View {
        format: Format::Table,
        columns: &columns,
        template: "",
        headers: true,
        terminal: &terminal,
        now,
    };
    let failure = view.render_list(&things()).unwrap_err();
    assert_eq!(failure.exit_code(), 2);
    assert!(format!("{failure:?}").contains("there are name, size, id"));
}
