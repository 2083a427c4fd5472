//! Filters, orders and pages, by table and by random lists.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::filter::glob;
use super::*;

const FIELDS: &[Field] = &[
    Field::text("name"),
    Field::text("state"),
    Field::number("memory_bytes"),
    Field::family("label."),
];

#[derive(Debug, Clone, PartialEq)]
struct Vm {
    id: u32,
    name: String,
    memory: Option<u64>,
}

impl Row for Vm {
    fn id(&self) -> String {
        format!("{:08}", self.id)
    }

    fn value(&self, field: &str) -> Value<'_> {
        match field {
            "name" => self.name.as_str().into(),
            "memory_bytes" => self.memory.into(),
            "label.tier" => "web".into(),
            _ => Value::Absent,
        }
    }

    fn contains(&self, needle: &str) -> bool {
        self.name.to_lowercase().contains(needle)
    }
}

fn vm(id: u32, name: &str, memory: Option<u64>) -> Vm {
    Vm { id, name: name.into(), memory }
}

fn names(filter: &str, rows: &[Vm]) -> Vec<String> {
    let params = ListParams { filter: Some(filter), ..ListParams::default() };
    let request = ListRequest::parse(&params, FIELDS, None).unwrap();
    request.page(rows.iter()).rows.iter().map(|vm| vm.name.clone()).collect()
}

fn refusal(params: &ListParams<'_>) -> String {
    ListRequest::parse(params, FIELDS, None).unwrap_err().to_string()
}

#[test]
fn c10_filters_compare_text_by_glob_and_numbers_by_size() {
    let rows = [vm(1, "web-1", Some(10)), vm(2, "web-2", Some(20)), vm(3, "db", None)];
    assert_eq!(names("name=web-*", &rows), ["web-1", "web-2"]);
    assert_eq!(names("name!=web-* AND label.tier=web", &rows), ["db"]);
    assert_eq!(names("memory_bytes>=20", &rows), ["web-2"]);
    assert_eq!(names("memory_bytes < 20 and name = \"web-1\"", &rows), ["web-1"]);
    assert_eq!(names("", &rows).len(), 3);
}

#[test]
fn x17_what_is_absent_is_neither_less_nor_more() {
    let rows = [vm(1, "a", None)];
    assert!(names("memory_bytes<100", &rows).is_empty());
    assert!(names("memory_bytes>=0", &rows).is_empty());
    assert_eq!(names("memory_bytes!=5", &rows), ["a"]);
}

#[test]
fn a32_a_malformed_query_names_the_place() {
    let filter = |text| refusal(&ListParams { filter: Some(text), ..ListParams::default() });
    assert_eq!(filter("name=a OR name=b"), "filter at character 8: expected AND");
    assert!(filter("nam=a").contains("at character 1: there is no field `nam`; there are name,"));
    assert!(filter("memory_bytes>=2G").contains("`2G` is not a number"));
    assert!(filter("name=\"a").contains("does not end"));
    assert!(filter("name=a AND ").contains("expected"));
    assert!(filter(&"name=a AND ".repeat(70)).contains("more than 64 terms"));
    assert!(refusal(&ListParams { limit: Some(1001), ..ListParams::default() }).contains("limit"));
    assert!(
        refusal(&ListParams { sort: Some("-label.x"), ..ListParams::default() })
            .contains("cannot sort by `label.x`")
    );
}

#[test]
fn a_sort_puts_absent_values_first_and_ties_go_by_id() {
    let rows = [vm(3, "c", Some(1)), vm(1, "a", Some(1)), vm(2, "b", None)];
    let params = ListParams { sort: Some("memory_bytes"), ..ListParams::default() };
    let request = ListRequest::parse(&params, FIELDS, None).unwrap();
    let ids: Vec<_> = request.page(rows.iter()).rows.iter().map(|vm| vm.id).collect();
    assert_eq!(ids, [2, 1, 3]);
}

#[test]
fn a_glob_of_many_stars_ends_soon() {
    assert!(!glob(&"*a".repeat(100), &"b".repeat(10_000)));
    assert!(glob("web-*-*", "web-1-2"));
    assert!(!glob("a*a", "a"));
}

proptest! {
    #[test]
    fn c10_pages_together_are_the_whole_list_in_order(
        memory in proptest::collection::vec(proptest::option::of(0_u64..5), 0..60),
        limit in 1_u32..7,
        sort in prop::sample::select(vec!["", "memory_bytes", "-memory_bytes,name", "name"]),
        arrival in 1_usize..60,
    ) {
        let mut rows: Vec<_> = memory.iter().enumerate()
            .map(|(id, memory)| vm(id as u32, &format!("vm-{}", id % 3), *memory))
            .collect();
        // In whatever order they come.
        rows.sort_by_key(|vm| (vm.id as usize * 7 + 3) % arrival);
        let params = ListParams { limit: Some(limit), sort: Some(sort), ..ListParams::default() };
        let mut after = None;
        let mut seen = Vec::new();
        loop {
            let request = ListRequest::parse(&params, FIELDS, after).unwrap();
            let page = request.page(rows.iter());
            prop_assert_eq!(page.total, rows.len());
            seen.extend(page.rows.iter().map(|vm| vm.id));
            // The position survives being sent to the client and back.
            after = page.next.map(|next| Position::decode(&next.encode()).unwrap());
            if after.is_none() {
                break;
            }
        }
        let all = ListRequest::parse(&ListParams { limit: Some(1000), ..params }, FIELDS, None).unwrap();
        let whole: Vec<_> = all.page(rows.iter()).rows.iter().map(|vm| vm.id).collect();
        prop_assert_eq!(&seen, &whole);
        let mut plainly = rows.clone();
        plainly.sort_by_key(|vm| (vm.name.clone(), vm.id));
        match sort {
            "memory_bytes" => plainly.sort_by_key(|vm| (vm.memory, vm.id)),
            "-memory_bytes,name" => plainly.sort_by_key(|vm| std::cmp::Reverse(vm.memory)),
            "" => plainly.sort_by_key(|vm| vm.id),
            _ => {}
        }
        prop_assert_eq!(&whole, &plainly.iter().map(|vm| vm.id).collect::<Vec<_>>());
        prop_assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), rows.len());
    }

    #[test]
    fn a32_no_text_makes_the_filter_panic(text in "\\PC{0,80}") {
        let _ = Filter::parse(&text, FIELDS);
        let _ = Position::decode(&text);
    }
}
