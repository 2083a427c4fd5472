//! Every path of the picture.

use hostler_provider::{Error, Kind};
use proptest::prelude::*;

use super::*;
use crate::error::{Answer, Cause, classify};

const FAIL: Shown = Shown::Fails(None);

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A breaker with `n` failures behind it.
fn after(n: u32, now: Instant) -> Breaker {
    let mut breaker = Breaker::default();
    for _ in 0..n {
        let permit = breaker.admit(now).unwrap();
        breaker.tell(permit, FAIL, now, 0.0);
    }
    breaker
}

#[test]
fn e11_five_failures_in_a_row_open_it_and_four_do_not() {
    let now = Instant::now();
    assert_eq!(after(FAILURES - 1, now).state(now), State::Closed);
    let mut breaker = after(FAILURES, now);
    assert_eq!(breaker.state(now), State::Open);
    assert_eq!(breaker.admit(now), Err(OPEN));
}

#[test]
fn e11_an_answer_ends_the_row() {
    let now = Instant::now();
    let mut breaker = after(FAILURES - 1, now);
    let permit = breaker.admit(now).unwrap();
    breaker.tell(permit, Shown::Answers, now, 0.0);
    let permit = breaker.admit(now).unwrap();
    breaker.tell(permit, FAIL, now, 0.0);
    assert_eq!(breaker.state(now), State::Closed);
}

#[test]
fn e11_it_stays_open_for_sixty_seconds() {
    let now = Instant::now();
    let mut breaker = after(FAILURES, now);
    assert_eq!(breaker.admit(now + secs(59)), Err(secs(1)));
    assert_eq!(breaker.state(now + secs(60)), State::HalfOpen);
    assert!(breaker.admit(now + secs(60)).is_ok());
}

#[test]
fn x27_then_exactly_one_call_is_let_through() {
    let now = Instant::now();
    let mut breaker = after(FAILURES, now);
    let later = now + secs(60);
    let permit = breaker.admit(later).unwrap();
    for _ in 0..100 {
        assert_eq!(breaker.admit(later + secs(1)), Err(PROBE - secs(1)));
    }
    breaker.tell(permit, Shown::Answers, later, 0.0);
    assert_eq!(breaker.state(later), State::Closed);
    assert!(breaker.admit(later).is_ok() && breaker.admit(later).is_ok());
}

#[test]
fn x27_a_probe_that_fails_opens_it_again() {
    let now = Instant::now();
    let mut breaker = after(FAILURES, now);
    let later = now + secs(60);
    let permit = breaker.admit(later).unwrap();
    breaker.tell(permit, FAIL, later, 0.0);
    assert_eq!(breaker.admit(later), Err(OPEN));
    assert_eq!(breaker.state(later), State::Open);
}

#[test]
fn x27_a_probe_that_was_given_up_leaves_the_place_to_the_next() {
    let now = Instant::now();
    let mut breaker = after(FAILURES, now);
    let later = now + secs(60);
    let permit = breaker.admit(later).unwrap();
    breaker.tell(permit, Shown::Nothing, later, 0.0);
    assert_eq!(breaker.state(later), State::HalfOpen);
    assert!(breaker.admit(later).is_ok());
    assert!(breaker.admit(later).is_err(), "still only one");
}

#[test]
fn x27_a_probe_that_never_tells_does_not_close_the_door_for_ever() {
    let now = Instant::now();
    let mut breaker = after(FAILURES, now);
    let later = now + secs(60);
    let lost = breaker.admit(later).unwrap();
    let second = breaker.admit(later + PROBE).unwrap();
    assert!(breaker.admit(later + PROBE).is_err());
    breaker.tell(lost, FAIL, later + PROBE, 0.0);
    assert_eq!(breaker.state(later + PROBE), State::HalfOpen, "the lost one tells nothing now");
    breaker.tell(second, Shown::Answers, later + PROBE, 0.0);
    assert_eq!(breaker.state(later + PROBE), State::Closed);
}

#[test]
fn x27_answers_to_calls_from_before_mean_nothing() {
    let now = Instant::now();
    let mut breaker = after(FAILURES - 1, now);
    let slow = breaker.admit(now).unwrap();
    let other = breaker.admit(now).unwrap();
    breaker.tell(other, FAIL, now, 0.0);
    assert_eq!(breaker.state(now), State::Open);
    breaker.tell(slow, FAIL, now + secs(30), 0.0);
    assert_eq!(breaker.wait(now), Some(OPEN), "not longer for it");
    breaker.tell(slow, Shown::Answers, now + secs(30), 0.0);
    assert_eq!(breaker.state(now + secs(30)), State::Open, "and not shorter");
}

#[test]
fn x27_retry_after_is_obeyed_without_opening() {
    let now = Instant::now();
    let mut breaker = Breaker::default();
    let permit = breaker.admit(now).unwrap();
    let earlier = breaker.admit(now).unwrap();
    breaker.tell(permit, Shown::Fails(Some(secs(7))), now, 0.0);
    assert_eq!(breaker.state(now), State::Closed);
    assert_eq!(breaker.admit(now + secs(2)), Err(secs(5)));
    breaker.tell(earlier, Shown::Fails(Some(secs(1))), now, 0.0);
    assert_eq!(breaker.admit(now + secs(2)), Err(secs(5)), "the longest wish counts");
    assert!(breaker.admit(now + secs(7)).is_ok());
}

#[test]
fn x27_retry_after_keeps_it_open_for_longer_but_not_for_a_day() {
    let now = Instant::now();
    let mut breaker = after(FAILURES - 1, now);
    let permit = breaker.admit(now).unwrap();
    breaker.tell(permit, Shown::Fails(Some(secs(90))), now, 0.0);
    assert_eq!(breaker.wait(now), Some(secs(90)));
    let mut breaker = after(FAILURES - 1, now);
    let permit = breaker.admit(now).unwrap();
    breaker.tell(permit, Shown::Fails(Some(secs(86_400))), now, 0.0);
    assert_eq!(breaker.wait(now), Some(MAX_RETRY_AFTER));
}

#[test]
fn f4_callers_do_not_come_back_at_once() {
    let now = Instant::now();
    let open = |jitter| {
        let mut breaker = after(FAILURES - 1, now);
        let permit = breaker.admit(now).unwrap();
        breaker.tell(permit, FAIL, now, jitter);
        breaker.wait(now).unwrap()
    };
    assert_eq!(open(0.0), OPEN);
    assert_eq!(open(0.5), OPEN + SPREAD / 2);
    assert_eq!(open(9.0), OPEN + SPREAD);
}

#[test]
fn x27_refusals_and_410_never_count() {
    let failure = |status, body: &[u8]| {
        let answer = Answer { status, retry_after: None, body, from_virt_api: false };
        classify(&answer, Verb::Write, "test")
    };
    for status in (400..=428).chain(430..=499) {
        assert_eq!(Shown::by(&failure(status, b"")), Shown::Answers, "{status}");
    }
    for status in [429, 500, 502, 503, 504] {
        assert_eq!(Shown::by(&failure(status, b"")), FAIL, "{status}");
    }
    let wrapped = b"admission webhook \"x\" denied the request: no";
    assert_eq!(Shown::by(&failure(500, wrapped)), Shown::Answers);
    for cause in [Cause::Cancelled, Cause::LeftAlone, Cause::Ours] {
        let failure = Failure { error: Error::new(Kind::Cancelled, "x"), cause };
        assert_eq!(Shown::by(&failure), Shown::Nothing);
    }
    let failure = Failure { error: Error::new(Kind::Timeout, "x"), cause: Cause::Transport };
    assert_eq!(Shown::by(&failure), FAIL);
}

#[test]
fn x27_classes_fail_apart() {
    let now = Instant::now();
    let mut breakers = Breakers::default();
    for _ in 0..FAILURES {
        let permit = breakers.of_mut(Class::Write).admit(now).unwrap();
        breakers.of_mut(Class::Write).tell(permit, FAIL, now, 0.0);
    }
    assert!(breakers.of_mut(Class::Write).admit(now).is_err());
    assert!(breakers.of_mut(Class::Read).admit(now).is_ok());
    assert!(breakers.of_mut(Class::Watch).admit(now).is_ok());
    assert_eq!(Class::of(Verb::Subresource), Class::Write);
    assert_eq!(Class::of(Verb::JsonPatch), Class::Write);
}

proptest! {
    /// Whatever comes in whatever order: while it is open nothing passes, while it is
    /// half-open at most one call is out, and a minute later there is always a way back.
    #[test]
    fn x27_any_history_lets_through_what_it_may(
        steps in proptest::collection::vec((0u8..4, 0usize..8, 0u64..90), 0..200),
    ) {
        let start = Instant::now();
        let mut now = start;
        let mut breaker = Breaker::default();
        let mut out: Vec<(Permit, Instant)> = Vec::new();
        for (what, which, pause) in steps {
            now += Duration::from_secs(pause);
            match what {
                0 => {
                    let before = breaker.state(now);
                    if let Ok(permit) = breaker.admit(now) {
                        prop_assert_ne!(before, State::Open);
                        if before == State::HalfOpen {
                            // Of this era it is the only one.
                            prop_assert!(out.iter().all(|(other, _)| other.era != permit.era));
                        }
                        out.push((permit, now));
                    }
                }
                _ if out.is_empty() => {}
                what => {
                    let (permit, _) = out.swap_remove(which % out.len());
                    let shown = match what {
                        1 => Shown::Answers,
                        2 => Shown::Fails(None),
                        _ => Shown::Nothing,
                    };
                    breaker.tell(permit, shown, now, 0.5);
                }
            }
        }
        prop_assert!(breaker.admit(now + MAX_RETRY_AFTER + SPREAD).is_ok());
    }
}
