//! What a client may say, and what it is told.

use proptest::prelude::*;

use super::*;

fn selection(topics: &[LiveTopic]) -> LiveSelection {
    LiveSelection { topics: topics.to_vec(), ..LiveSelection::default() }
}

#[test]
fn d6_messages_subscribe_unsubscribe_and_replace() {
    use LiveTopic::{Operations, VmMetrics, VmStatus};
    let parse = |text: &str| LiveRequest::parse(text).unwrap();
    // The order is the topics' own, and what is named twice is wanted once.
    assert_eq!(
        parse(r#"{"topics":["vm:status","vm:metrics","vm:status"]}"#),
        LiveRequest::Replace(selection(&[VmMetrics, VmStatus]))
    );
    assert_eq!(
        parse(r#"{"type":"subscribe","data":{"topics":["operations"],"only":["a"]}}"#),
        LiveRequest::Subscribe(LiveSelection {
            only: Some(vec!["a".into()]),
            ..selection(&[Operations])
        })
    );
    assert_eq!(
        parse(r#"{"type":"unsubscribe","data":{"topics":["operations"]}}"#),
        LiveRequest::Unsubscribe(vec![Operations])
    );
}

#[test]
fn what_cannot_be_read_is_refused_by_name() {
    for (text, why) in [
        ("", "no JSON"),
        ("[]", "another shape"),
        ("{}", "topics"),
        (r#"{"topics":"vm:metrics"}"#, "another shape"),
        (r#"{"topics":["vm:metric"]}"#, "\"vm:metric\"; there are node:metrics"),
        (r#"{"topics":["vm:*"]}"#, "no topic"),
        (r#"{"topics":[],"other":1}"#, "other"),
        (r#"{"type":"ping","data":{"topics":[]}}"#, "\"ping\""),
        (r#"{"type":7,"data":{"topics":[]}}"#, "another shape"),
        (r#"{"type":"unsubscribe","data":{"topics":[],"only":[]}}"#, "topics only"),
    ] {
        let error = LiveRequest::parse(text).unwrap_err();
        assert!(error.contains(why), "{text}: {error}");
    }
    let many = serde_json::json!({ "topics": vec!["alerts"; LIVE_TOPICS_MAX + 1] });
    assert!(LiveRequest::parse(&many.to_string()).unwrap_err().contains("17 topics"));
    let ids = serde_json::json!({ "topics": ["alerts"], "only": vec!["x"; LIVE_ONLY_MAX + 1] });
    assert!(LiveRequest::parse(&ids.to_string()).unwrap_err().contains("1025 things"));
}

#[test]
fn a_query_says_the_same_in_one_line() {
    let query = |topics: Option<&str>, only: Option<&str>| LiveQuery {
        topics: topics.map(str::to_owned),
        only: only.map(str::to_owned),
        projects: None,
    };
    let told = query(Some("vm:status, operations,"), Some("a,b")).selection().unwrap();
    let told = told.unwrap();
    assert_eq!(told.topics, [LiveTopic::VmStatus, LiveTopic::Operations]);
    assert_eq!(told.only, Some(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(query(None, None).selection(), Ok(None));
    assert_eq!(query(Some(" ,"), None).selection(), Ok(None));
    assert!(query(None, Some("a")).selection().unwrap_err().contains("name those"));
    assert!(query(Some("vms"), None).selection().unwrap_err().contains("no topic"));
}

#[test]
fn x32_a_frame_is_type_and_data_with_seq_ts_and_schema() {
    let text = r#"{"type":"resync","data":{"from":3,"to":9},"seq":9,"ts":"2026-11-21T04:00:00.000000Z","schema":1}"#;
    let frame: LiveFrame = serde_json::from_str(text).unwrap();
    assert_eq!(frame.told, LiveTold::Resync(LiveLost { from: 3, to: 9 }));
    assert_eq!(serde_json::to_string(&frame).unwrap(), text);
}

proptest! {
    #[test]
    fn a_name_is_a_topic_exactly_when_it_is_on_the_list(name in "[a-z:*. ]{0,14}|vm:[a-z]{6,7}|operations|node:metrics") {
        let listed = LiveTopic::ALL.iter().find(|topic| topic.as_str() == name);
        prop_assert_eq!(LiveTopic::parse(&name), listed.copied());
        let message = serde_json::json!({ "topics": [name] }).to_string();
        prop_assert_eq!(LiveRequest::parse(&message).is_ok(), listed.is_some());
    }

    #[test]
    fn what_is_chosen_in_a_query_is_what_is_chosen_in_a_message(
        picks in proptest::collection::vec(0..LiveTopic::ALL.len(), 1..LIVE_TOPICS_MAX),
    ) {
        let names: Vec<_> = picks.iter().map(|pick| LiveTopic::ALL[*pick].as_str()).collect();
        let query = LiveQuery { topics: Some(names.join(",")), ..LiveQuery::default() };
        let by_message = serde_json::json!({ "topics": names }).to_string();
        let by_query = query.selection().unwrap().unwrap();
        prop_assert!(by_query.topics.is_sorted() && !by_query.topics.is_empty());
        prop_assert_eq!(LiveRequest::parse(&by_message), Ok(LiveRequest::Replace(by_query)));
    }

    #[test]
    fn no_message_makes_it_panic(text in "\\PC{0,80}|[{}\\[\\]\":,a-z]{0,80}") {
        let _ = LiveRequest::parse(&text);
    }
}
