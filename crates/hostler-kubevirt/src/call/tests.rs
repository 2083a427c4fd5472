//! The leave to make a call, which is always given back.

use super::*;
use crate::breaker::{FAILURES, OPEN, SPREAD, State};
use crate::config::{Allowed, KubeVirtConfig, Source};
use crate::connect::connect;

const NOBODY: &str = "
current-context: c
clusters: [{ name: c, cluster: { server: 'https://127.0.0.1:9' } }]
contexts: [{ name: c, context: { cluster: c, user: u } }]
users: [{ name: u, user: { token: t } }]
";

#[tokio::test(start_paused = true)]
async fn x27_a_call_that_is_dropped_does_not_stay_the_one_call_of_a_half_open_breaker() {
    let config = KubeVirtConfig::new(Source::Text(NOBODY.into()));
    let caller = Caller::new(connect(&config).await.unwrap());
    for _ in 0..FAILURES {
        caller.admit(Class::Read, "test").unwrap().pass_on(Shown::Fails(None));
    }
    let refused = caller.admit(Class::Read, "test").err().unwrap();
    assert_eq!(refused.cause, Cause::LeftAlone);
    tokio::time::advance(OPEN + SPREAD).await;
    let only = caller.admit(Class::Read, "test").unwrap();
    assert!(caller.admit(Class::Read, "test").is_err());
    drop(only);
    assert!(caller.admit(Class::Read, "test").is_ok());
    let state = caller.breakers(|all| all.of(Class::Read).state(Instant::now()));
    assert_eq!(state, State::HalfOpen);
}

#[tokio::test(start_paused = true)]
async fn f4_who_comes_when_all_turns_are_taken_waits_at_the_cost_of_their_own_deadline() {
    let config = KubeVirtConfig::new(Source::Text(NOBODY.into()));
    let caller = Caller::new(connect(&config).await.unwrap()).asking_at_once(1);
    let cx = |seconds| Cx::within(Duration::from_secs(seconds));
    let only = caller.turn(&cx(1), "cannot look").await.unwrap();
    let began = Instant::now();
    let refused = caller.ask(&cx(3), Question::get("/version".to_owned()), "cannot look").await;
    let refused = refused.unwrap_err();
    assert_eq!(began.elapsed(), Duration::from_secs(3));
    assert_eq!((refused.error.kind(), refused.error.is_unknown()), (Kind::Timeout, false));
    assert!(refused.error.message().contains("other calls"), "{}", refused.error.message());
    let state = caller.breakers(|all| all.of(Class::Read).state(Instant::now()));
    assert_eq!(state, State::Closed, "the cluster is not to blame");
    drop(only);
    assert!(caller.turn(&cx(1), "cannot look").await.is_ok());
}

#[tokio::test]
async fn x27_a_node_that_does_not_answer_closes_no_writes_to_the_cluster() {
    // Connections are taken and nothing is ever answered.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://127.0.0.1:{}", silent.local_addr().unwrap().port());
    let text = NOBODY.replace("https://127.0.0.1:9", &server);
    let mut config = KubeVirtConfig::new(Source::Text(text));
    config.allowed = Allowed { insecure: true, ..Allowed::default() };
    let caller = Caller::new(connect(&config).await.unwrap());
    let (key, cx) = (ObjectKey::in_namespace("a", "b"), || Cx::within(Duration::from_millis(30)));
    let state = || caller.breakers(|all| all.of(Class::Write).state(Instant::now()));
    for _ in 0..=FAILURES {
        let opened = caller.stream(&cx(), &key, "vnc", false, "cannot open").await;
        assert_eq!(opened.err().unwrap().error.kind(), Kind::Timeout);
    }
    for verb in ON_NODES.into_iter().cycle().take(FAILURES as usize + 1) {
        let asked = caller.subresource(&cx(), Resource::VMIS, &key, verb, None).await;
        assert_eq!(asked.unwrap_err().error.kind(), Kind::Timeout);
    }
    assert_eq!(state(), State::Closed);
    // What virt-api answers by itself counts.
    for _ in 0..FAILURES {
        let asked = caller.subresource(&cx(), Resource::VMS, &key, "start", None).await;
        assert_eq!(asked.unwrap_err().error.kind(), Kind::Timeout);
    }
    assert_eq!(state(), State::Open);
}
