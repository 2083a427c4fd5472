//! Quantities: exact, and never a panic.

use hostler_kubevirt::quantity::Quantity;
use proptest::prelude::*;
use serde_json::json;

fn billionths(text: &str) -> Option<i128> {
    text.parse::<Quantity>().ok().map(Quantity::billionths)
}

#[test]
fn every_suffix_is_read_exactly() {
    let one = 1_000_000_000_i128;
    let table: &[(&str, i128)] = &[
        ("0", 0),
        ("1", one),
        ("-1", -one),
        ("+1", one),
        ("1.", one),
        (".5", one / 2),
        ("1n", 1),
        ("1u", 1_000),
        ("100m", one / 10),
        ("3920m", 3_920_000_000),
        ("1k", 1_000 * one),
        ("1M", 1_000_000 * one),
        ("1G", 1_000_000_000 * one),
        ("1T", 1_000_000_000_000 * one),
        ("1P", 1_000_000_000_000_000 * one),
        ("1E", 1_000_000_000_000_000_000 * one),
        ("1Ki", 1024 * one),
        ("1Mi", (1 << 20) * one),
        ("1Gi", (1 << 30) * one),
        ("1.5Gi", 1_610_612_736 * one),
        ("1Ti", (1 << 40) * one),
        ("1Pi", (1 << 50) * one),
        ("1Ei", (1_i128 << 60) * one),
        ("1e3", 1_000 * one),
        ("1E3", 1_000 * one),
        ("1e+3", 1_000 * one),
        ("12.5e-1", one + one / 4),
        ("0e99", 0),
        ("0.1Ki", 102_400_000_000),
        ("000000000000000000000000000000000000000000000000001", one),
        // Finer than a billionth is rounded away from zero, as Kubernetes does.
        ("0.0000000001", 1),
        ("-0.0000000001", -1),
        ("1e-99", 1),
        ("1.10000000000000000000000000000000000", one + one / 10),
    ];
    for (text, wanted) in table {
        assert_eq!(billionths(text), Some(*wanted), "{text}");
    }
}

#[test]
fn what_is_no_quantity_is_refused_with_an_example() {
    for text in [
        "", "-", "+", ".", "Gi", "1 Gi", "1gi", "1K", "1e", "1e1.5", "1.2.3", "--1", "1Zi", "NaN",
        "1e100", "1e-100", "１", "0x10", "9e99", "1e3Ki",
    ] {
        let error = text.parse::<Quantity>().unwrap_err().to_string();
        assert!(error.contains("1.5Gi"), "{text}: {error}");
    }
    assert!("9".repeat(65).parse::<Quantity>().is_err());
}

#[test]
fn a_quantity_is_read_from_a_text_or_a_number() {
    let read = |value| serde_json::from_value::<Quantity>(value).ok().map(Quantity::billionths);
    assert_eq!(read(json!("2")), Some(2_000_000_000));
    assert_eq!(read(json!(2)), Some(2_000_000_000));
    assert_eq!(read(json!(0.5)), Some(500_000_000));
    assert_eq!(read(json!(1e20)), Some(100_000_000_000_000_000_000_000_000_000));
    assert_eq!(read(json!(true)), None);
    assert_eq!(read(json!({})), None);
    assert_eq!(read(json!(null)), None);
}

#[test]
fn processors_are_rounded_up_and_capacity_down() {
    let read = |text: &str| text.parse::<Quantity>().unwrap();
    assert_eq!(read("3920m").round_up(), Some(4));
    assert_eq!(read("3920m").round_down(), Some(3));
    assert_eq!(read("2").round_up(), Some(2));
    assert_eq!(read("-1").round_up(), None);
    assert_eq!(read("-1m").round_down(), None);
    assert_eq!(read("20E").round_up(), None, "beyond 64 bits");
    assert_eq!(read("18446744073709551615").round_up(), Some(u64::MAX));
    assert_eq!(read("18446744073709551615.5").round_up(), None);
    assert!(read("1n").is_positive() && !read("0").is_positive());
}

#[test]
fn a_quantity_is_written_as_a_plain_number() {
    for (text, shown) in
        [("1Ki", "1024"), ("100m", "0.1"), ("-1.50", "-1.5"), ("-1n", "-0.000000001"), ("0", "0")]
    {
        assert_eq!(text.parse::<Quantity>().unwrap().to_string(), shown);
    }
}

proptest! {
    #[test]
    fn a_quantity_is_read_back_as_it_was_written(billionths in any::<i64>()) {
        let quantity = Quantity::from_billionths(i128::from(billionths));
        prop_assert_eq!(quantity.to_string().parse::<Quantity>(), Ok(quantity));
    }

    #[test]
    fn no_text_makes_it_panic(text in ".*", near in "[-+]?[0-9.]{0,70}[a-zA-Z]{0,3}[-+]?[0-9]{0,4}") {
        let _ = text.parse::<Quantity>();
        let _ = near.parse::<Quantity>();
    }

    #[test]
    fn whole_numbers_with_binary_suffixes_are_products(n in 0_u64..1 << 20, power in 0_u32..5) {
        let suffix = ["", "Ki", "Mi", "Gi", "Ti"][power as usize];
        let read: Quantity = format!("{n}{suffix}").parse().unwrap();
        prop_assert_eq!(read.round_up(), Some(n << (10 * power)));
        prop_assert_eq!(read.round_down(), Some(n << (10 * power)));
    }
}
