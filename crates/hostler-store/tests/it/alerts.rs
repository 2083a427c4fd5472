//! Alerts survive, notices wait in order, and nothing of it grows for ever.

use hostler_core::Timestamp;
use hostler_core::alert::acknowledge::Acknowledgement;
use hostler_core::alert::group::{GroupKey, GroupState, Why};
use hostler_core::alert::notice::{Notice, Status};
use hostler_core::alert::rule::{AlertRule, NoData};
use hostler_core::alert::silence::Silence;
use hostler_core::alert::state::{Cause, Data, Instance, RuleState, Sample, step};
use hostler_core::alert::{Identity, LabelSet, Period};
use hostler_core::id::SilenceId;
use hostler_store::{
    AlertChange, AlertChangeFilter, AlertEffect, ChangeTold, EndedAlert, EventFilter, NOTICES_MAX,
    NewAlertChange, Store, StoredAlerts,
};

use crate::common::{World, on_both, open, place};

fn labels(vm: &str) -> LabelSet {
    [("vm".to_owned(), vm.to_owned())].into()
}

/// An alert of this VM that fires, with a value that JSON's numbers cannot be.
fn instance(vm: &str, now: Timestamp) -> Instance {
    let rule = AlertRule {
        name: "Hot".into(),
        expression: "x".into(),
        interval: Period::seconds(15),
        hold: Period::ZERO,
        keep_firing_for: Period::ZERO,
        no_data: NoData::Keep,
        labels: Vec::new(),
        annotations: Vec::new(),
        limit: 10,
    };
    let hot = [Sample { labels: labels(vm), value: f64::INFINITY }];
    let (state, _) = step(RuleState::default(), &rule, &hot, Data::There, now);
    state.instances.into_iter().next().unwrap()
}

fn group(receiver: &str) -> GroupKey {
    GroupKey { receiver: receiver.into(), route: "{}".into(), labels: LabelSet::new() }
}

fn notice(id: &str, receiver: &str, group_key: &str, now: Timestamp) -> Box<AlertEffect> {
    Box::new(AlertEffect::Send(Box::new(Notice {
        id: id.into(),
        group_key: group_key.into(),
        receiver: receiver.into(),
        status: Status::Firing,
        why: Why::New,
        made_at: now,
        group_labels: LabelSet::new(),
        alerts: Vec::new(),
        more_firing: 0,
        more_resolved: 0,
        server_url: None,
    })))
}

fn fired(vm: &str, change: AlertChange, now: Timestamp) -> AlertEffect {
    AlertEffect::Changed(Box::new(NewAlertChange {
        at: now,
        alert_id: format!("id-{vm}"),
        change,
        told: ChangeTold {
            instance: instance(vm, now),
            cause: (change == AlertChange::Resolved).then_some(Cause::NoData),
            by: None,
            comment: String::new(),
        },
    }))
}

async fn next(store: &Store, receiver: &str) -> Vec<String> {
    let next = store.next_notices(receiver, 10).await.unwrap();
    next.into_iter().map(|it| it.notice.id).collect()
}

#[tokio::test]
async fn c25_what_is_known_of_alerts_survives_a_restart() {
    let (world, (_directory, path)) = (World::new(), place());
    let now = world.now();
    let (web, db) = (instance("web", now), instance("db", now));
    let seen = Acknowledgement::of(&web, "ada", "on it", now).unwrap();
    let silence = Silence {
        matchers: vec!["vm=\"web\"".parse().unwrap()],
        starts_at: now,
        ends_at: now.plus(std::time::Duration::from_secs(60)),
        created_by: "ada".into(),
        created_at: now,
        comment: "a new disk".into(),
    };
    let id = world.ids.next(SilenceId::new);
    let ended = EndedAlert { instance: db.clone(), ended_at: now };
    let state = GroupState { sequence: 7, ..GroupState::default() };
    let effects = [
        AlertEffect::Put { rule: "r".into(), instance: Box::new(web.clone()) },
        AlertEffect::Ended(Box::new(ended.clone())),
        AlertEffect::Acknowledge(seen.clone()),
        AlertEffect::PutSilence(id, silence.clone()),
        AlertEffect::PutGroup(group("ops"), GroupState::default()),
        AlertEffect::PutGroup(group("ops"), state.clone()),
    ];
    let store = open(&path).await;
    store.write_alerts(&effects, &[world.event("alert.fired", "x")]).await.unwrap();
    store.close().await;
    let store = open(&path).await;
    let wanted = StoredAlerts {
        instances: vec![("r".into(), web.clone())],
        ended: vec![ended],
        acknowledgements: vec![seen],
        silences: vec![(id, silence)],
        groups: vec![(group("ops"), state)],
    };
    assert_eq!(store.alerts().await.unwrap(), wanted);
    let told = store.events_before(None, &EventFilter::default(), 9).await.unwrap();
    assert_eq!(told.iter().filter(|it| it.kind == "alert.fired").count(), 1);
    let effects = [
        AlertEffect::Drop { rule: "r".into(), alert: Identity::of(&web.labels) },
        AlertEffect::EndedTold(Identity::of(&db.labels)),
        AlertEffect::Unacknowledge(Identity::of(&web.labels)),
        AlertEffect::DropSilence(id),
        AlertEffect::DropGroup(group("ops")),
    ];
    store.write_alerts(&effects, &[]).await.unwrap();
    assert_eq!(store.alerts().await.unwrap(), StoredAlerts::default());
    store.close().await;
}

#[tokio::test]
async fn the_history_of_alerts_is_read_newest_first_by_filter_and_bounded() {
    on_both(|store| async move {
        let world = World::new();
        let effects = [
            fired("web", AlertChange::Fired, world.now()),
            fired("db", AlertChange::Fired, world.now()),
            fired("web", AlertChange::Resolved, world.now()),
        ];
        store.write_alerts(&effects, &[]).await.unwrap();
        let of = |filter, before, limit| {
            let store = store.clone();
            async move {
                let rows = store.alert_changes(before, &filter, limit).await.unwrap();
                rows.into_iter().map(|it| (it.seq, it.alert_id, it.change)).collect::<Vec<_>>()
            }
        };
        let all = of(AlertChangeFilter::default(), None, 10).await;
        assert_eq!(all.iter().map(|it| it.0).collect::<Vec<_>>(), [3, 2, 1]);
        assert_eq!(of(AlertChangeFilter::default(), Some(3), 1).await, [all[1].clone()]);
        let web = AlertChangeFilter { alert_id: Some("id-web".into()), ..Default::default() };
        assert_eq!(of(web.clone(), None, 10).await, [all[0].clone(), all[2].clone()]);
        let web = AlertChangeFilter { change: Some(AlertChange::Resolved), ..web };
        assert_eq!(of(web, None, 10).await, [all[0].clone()]);
        let other = AlertChangeFilter { name: Some("Cold".into()), ..Default::default() };
        assert_eq!(of(other, None, 10).await, []);
        let rows = store.alert_changes(None, &AlertChangeFilter::default(), 1).await.unwrap();
        assert_eq!((rows[0].name.as_str(), rows[0].told.cause), ("Hot", Some(Cause::NoData)));
        assert_eq!(rows[0].told.instance.value, f64::INFINITY);
        assert_eq!(store.trim_alert_changes(1).await.unwrap(), 2);
        assert_eq!(of(AlertChangeFilter::default(), None, 10).await, [all[0].clone()]);
    })
    .await;
}

#[tokio::test]
async fn notices_of_a_group_wait_for_each_other_and_those_of_others_do_not() {
    on_both(|store| async move {
        let world = World::new();
        for (id, receiver, group) in
            [("a#0", "ops", "a"), ("a#1", "ops", "a"), ("b#0", "ops", "b"), ("c#0", "db", "c")]
        {
            let send = *notice(id, receiver, group, world.now());
            store.write_alerts(std::slice::from_ref(&send), &[]).await.unwrap();
            // The same notice again is the same notice.
            store.write_alerts(&[send], &[]).await.unwrap();
        }
        assert_eq!(next(&store, "ops").await, ["a#0", "b#0"]);
        let waiting = store.notices_waiting().await.unwrap();
        assert_eq!(waiting, [("db".into(), 1), ("ops".into(), 3)]);
        let first = store.next_notices("ops", 1).await.unwrap().remove(0);
        assert_eq!((first.attempts, first.failure), (0, None));
        let later = world.now().plus(std::time::Duration::from_secs(60));
        store.notice_failed(first.seq, later, "nobody is there").await.unwrap();
        assert_eq!(next(&store, "ops").await, ["b#0", "a#0"], "what is due sooner is first");
        let tried = store.next_notices("ops", 9).await.unwrap().remove(1);
        assert_eq!((tried.attempts, tried.failure.as_deref()), (1, Some("nobody is there")));
        assert_eq!(tried.next_try_at, later);
        store.notice_done(tried.seq, &[world.event("alert.notice_lost", "x")]).await.unwrap();
        assert_eq!(next(&store, "ops").await, ["a#1", "b#0"]);
    })
    .await;
}

#[tokio::test]
async fn for_a_receiver_that_is_away_for_long_the_oldest_notices_go_and_are_told() {
    let (store, world) = (Store::in_memory().await.unwrap(), World::new());
    let of = |n: u64| *notice(&format!("g#{n}"), "ops", "g", Timestamp::from_millis(1));
    let many: Vec<_> = (0..NOTICES_MAX).map(of).collect();
    assert_eq!(store.write_alerts(&many, &[]).await.unwrap(), []);
    let more = [of(NOTICES_MAX), *notice("h#0", "db", "h", world.now())];
    let lost = store.write_alerts(&more, &[]).await.unwrap();
    assert_eq!(lost.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["g#0"]);
    let waiting = store.notices_waiting().await.unwrap();
    assert_eq!(waiting, [("db".into(), 1), ("ops".into(), NOTICES_MAX)]);
    assert_eq!(next(&store, "ops").await, ["g#1"]);
}
