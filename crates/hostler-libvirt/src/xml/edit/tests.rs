//! What is meant changes, and nothing else does.

use proptest::prelude::*;
use roxmltree::Document;

use super::*;

fn edited(text: &str, edit: impl FnOnce(&mut Edits<'_>, Node<'_, '_>)) -> String {
    let document = Document::parse(text).unwrap();
    let mut edits = Edits::of(text);
    edit(&mut edits, document.root_element());
    edits.made().unwrap()
}

#[test]
fn c20_places_are_changed_and_the_rest_stays_as_it_is_written() {
    let text = "<!-- a > b --><d x = \"1>2\">\n  <a p='q'>one</a><!-- </d> -->\n  <b />\n</d>\n";
    let made = edited(text, |edits, root| {
        edits.set_text(root.get("a").unwrap(), "t<w>o & ü").unwrap();
        edits.set_attribute(root, "x", Some("'3'")).unwrap();
        edits.set_attribute(root.get("a").unwrap(), "p", None).unwrap();
        edits.set_attribute(root.get("b").unwrap(), "n", Some("new")).unwrap();
        edits.append(root, &Element::new("c")).unwrap();
    });
    assert_eq!(
        made,
        "<!-- a > b --><d x = \"&apos;3&apos;\">\n  <a>t&lt;w&gt;o &amp; ü</a><!-- </d> -->\n  \
         <b n='new' />\n<c/>\n</d>\n"
    );
}

#[test]
fn c20_children_come_go_and_are_put_into_the_place_of_others() {
    let text = "<d><a/>\n  <b>1</b>\n  <b>2</b></d>";
    let one = Element::text("b", "3");
    assert_eq!(
        edited(text, |e, d| e.child(d, "b", Some(&one)).unwrap()),
        "<d><a/>\n  <b>3</b></d>"
    );
    assert_eq!(edited(text, |e, d| e.child(d, "b", None).unwrap()), "<d><a/></d>");
    let into_empty = |e: &mut Edits<'_>, d: Node<'_, '_>| {
        e.child(d.get("a").unwrap(), "b", Some(&one)).unwrap();
        e.append(d.get("a").unwrap(), &Element::new("c")).unwrap();
    };
    let made = edited(text, into_empty);
    assert_eq!(made, "<d><a>\n<b>3</b>\n<c/>\n</a>\n  <b>1</b>\n  <b>2</b></d>");
    assert_eq!(edited("<d/>", |e, d| e.set_text(d, "x").unwrap()), "<d>x</d>");
}

#[test]
fn c20_text_before_what_is_removed_is_nobodys_space() {
    assert_eq!(edited("<d>told  <a/></d>", |e, d| e.remove(d.get("a").unwrap())), "<d>told  </d>");
}

#[test]
fn c20_what_lies_within_something_that_goes_goes_with_it() {
    let text = "<d><a><b/></a> <a/><c/></d>";
    let made = edited(text, |edits, d| {
        edits.set_attribute(d.get("a").unwrap().get("b").unwrap(), "x", Some("1")).unwrap();
        edits.remove_all(d, "a");
    });
    assert_eq!(made, "<d><c/></d>");
}

#[test]
fn c20_what_is_added_where_something_goes_stays() {
    let text = "<d><a/><b/><c/></d>";
    let made = edited(text, |edits, d| {
        edits.remove(d.get("b").unwrap());
        edits.insert_after(d.get("a").unwrap(), &Element::new("x")).unwrap();
    });
    assert_eq!(made, "<d><a/><x/><c/></d>");
}

#[test]
fn c20_two_changes_of_one_place_are_refused() {
    let text = "<d><a><b/></a></d>";
    let document = Document::parse(text).unwrap();
    let a = document.root_element().get("a").unwrap();
    let mut edits = Edits::of(text);
    edits.replace(a, &Element::new("x")).unwrap();
    edits.replace(a, &Element::new("y")).unwrap();
    assert_eq!(edits.made(), Err(BadEdit::Overlap));
    let mut edits = Edits::of(text);
    assert!(matches!(edits.set_text(a, "\u{1}"), Err(BadEdit::Character(_))));
}

/// Something that this crate has never heard of.
fn foreign() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("<!-- a </memory> remark -->".to_owned()),
        Just("<?tool <memory/> ?>".to_owned()),
        Just("<![CDATA[<memory>]]>".to_owned()),
        "[a-z]{1,6}".prop_map(|name| format!("<x{name} a = '1>2' b=\"&lt;'\"/>")),
        "[a-z ü&&[^&<]]{0,8}".prop_map(|text| format!("<q:y xmlns:q='urn:q'>{text}&#38;</q:y>")),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop::collection::vec(inner, 0..4)
            .prop_map(|all| format!("<unknown  k='v' >\n\t{}\n</unknown >", all.concat()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever stands between the places that are changed, it is there afterwards, byte for
    /// byte and in its order; and the places are what was meant.
    #[test]
    fn c20_what_is_not_known_survives(
        parts in prop::collection::vec(foreign(), 5),
        text in "\\PC{0,20}",
        value in "[ -~ü]{0,12}",
        removes in any::<bool>(),
    ) {
        let [p0, p1, p2, p3, p4] = parts.as_slice() else { unreachable!() };
        let xml = format!(
            "<domain>{p0}<memory unit='KiB'>1</memory>{p1}<devices>{p2}<rng model='virtio'/>\
             {p3}</devices>{p4}</domain>"
        );
        let document = Document::parse(&xml).unwrap();
        let root = document.root_element();
        let devices = root.get("devices").unwrap();
        let mut edits = Edits::of(&xml);
        edits.set_text(root.get("memory").unwrap(), &text).unwrap();
        edits.set_attribute(root.get("memory").unwrap(), "unit", Some(&value)).unwrap();
        let rng = Element::new("rng").attribute("model", "other");
        edits.child(devices, "rng", (!removes).then_some(&rng)).unwrap();
        edits.append(devices, &Element::new("panic")).unwrap();
        let made = edits.made().unwrap();

        let mut rest = made.as_str();
        for part in &parts {
            // The space before what is removed may go with it.
            let part = part.trim_end();
            let at = rest.find(part);
            prop_assert!(at.is_some(), "{part} is lost from {made}");
            rest = &rest[at.unwrap() + part.len()..];
        }
        let read = Document::parse(&made).unwrap();
        let root = read.root_element();
        let memory = root.get("memory").unwrap();
        prop_assert_eq!(memory.text().unwrap_or_default(), text.as_str());
        prop_assert_eq!(memory.attribute("unit"), Some(value.as_str()));
        let devices = root.get("devices").unwrap();
        let models: Vec<_> = devices.all("rng").filter_map(|n| n.attribute("model")).collect();
        prop_assert_eq!(models, if removes { vec![] } else { vec!["other"] });
        prop_assert_eq!(devices.all("panic").count(), 1);
    }
}
