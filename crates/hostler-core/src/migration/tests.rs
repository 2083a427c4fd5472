//! Where a VM may go, and what is left of an errand.

use super::*;

fn host(name: &str, refused: Option<&str>) -> Destination {
    Destination { host_ref: name.into(), refused: refused.map(str::to_owned) }
}

fn places(hosts: Vec<Destination>) -> Destinations {
    Destinations { blocked: None, is_chosen_there: true, hosts }
}

fn refusal(places: &Destinations, to: Option<&str>) -> (Code, String) {
    let error = places.admit(to).unwrap_err();
    (error.code(), error.message().to_owned())
}

#[test]
fn e8_a_vm_goes_where_it_is_taken_and_every_refusal_says_why() {
    let two = places(vec![host("h2", None), host("h3", Some("it is being drained"))]);
    assert!(two.admit(Some("h2")).is_ok() && two.admit(None).is_ok());
    let drained = "host \"h3\" does not take it: it is being drained".to_owned();
    assert_eq!(refusal(&two, Some("h3")), (Code::NoHostFits, drained));
    assert_eq!(refusal(&two, Some("h9")).0, Code::HostNotFound);
}

#[test]
fn e8_where_no_host_takes_it_each_is_named_with_its_reason_up_to_a_limit() {
    let full = |name: &str| host(name, Some("full"));
    let nowhere = places(vec![full("h2"), full("h3")]);
    let told = "no other host takes it: h2 (full), h3 (full)".to_owned();
    assert_eq!(refusal(&nowhere, None), (Code::NoHostFits, told));
    let many = places((0..9).map(|n| full(&format!("h{n}"))).collect());
    assert!(refusal(&many, None).1.ends_with("h4 (full) and 4 more"));
    let alone = refusal(&places(Vec::new()), None);
    assert_eq!(alone, (Code::NoHostFits, "its provider has no other host".into()));
}

#[test]
fn e8_what_is_blocked_goes_nowhere_and_a_choice_needs_somebody_who_chooses() {
    let blocked = Destinations {
        blocked: Some("a disk of it is on its node alone".into()),
        ..places(vec![host("h2", None)])
    };
    for to in [None, Some("h2")] {
        assert_eq!(refusal(&blocked, to).0, Code::CapabilityMissing);
    }
    let unchosen = Destinations { is_chosen_there: false, ..places(vec![host("h2", None)]) };
    assert_eq!(refusal(&unchosen, None).0, Code::CapabilityMissing);
    assert!(unchosen.admit(Some("h2")).is_ok());
}

#[test]
fn asking_twice_moves_it_once() {
    for (to, at, errand_is) in [
        (None, "h1", Errand::ToDo),
        (None, "h2", Errand::Done),
        (Some("h2"), "h1", Errand::ToDo),
        (Some("h2"), "h2", Errand::Done),
        (Some("h2"), "h3", Errand::Overtaken),
        (Some("h1"), "h1", Errand::Done),
    ] {
        assert_eq!(errand("h1", to, at), errand_is, "{to:?} {at}");
    }
}

#[test]
fn every_phase_has_its_own_word_and_only_three_are_the_end() {
    let words: std::collections::BTreeSet<_> =
        MigrationPhase::ALL.iter().map(|phase| phase.as_str()).collect();
    assert_eq!(words.len(), MigrationPhase::ALL.len());
    let over = MigrationPhase::ALL.iter().filter(|phase| phase.is_over()).count();
    assert_eq!(over, 3);
}
