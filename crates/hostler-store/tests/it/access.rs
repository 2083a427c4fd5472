//! Tokens, sessions, login codes, settings and kept replies.

use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::access::Role;
use hostler_core::id::TokenId;
use hostler_store::{Conflict, IdempotencyKey, Reply, SessionRow, StoreErrorKind, TokenRow};

use crate::common::{World, key, on_both};

fn token(world: &World, hash: u8) -> TokenRow {
    TokenRow {
        id: world.ids.next(TokenId::new),
        name: "ci".into(),
        role: Role::Reader,
        secret_sha256: [hash; 32],
        created_at: world.now(),
        created_by: "local:root".into(),
        expires_at: None,
        last_used_at: None,
        revoked: false,
    }
}

#[tokio::test]
async fn a_token_is_found_by_its_hash_until_it_is_revoked_or_ends() {
    on_both(|store| async move {
        let world = World::new();
        let mut row = token(&world, 1);
        row.expires_at = Some(world.now().plus(Duration::from_secs(60)));
        store.insert_token(&row).await.unwrap();
        assert_eq!(store.token_by_hash(&[1; 32]).await.unwrap(), Some(row.clone()));
        assert_eq!(store.token_by_hash(&[2; 32]).await.unwrap(), None);
        assert!(row.is_valid(world.now()));
        world.clock.advance(Duration::from_secs(60));
        assert!(!row.is_valid(world.now()));

        let lasting = token(&world, 2);
        store.insert_token(&lasting).await.unwrap();
        assert!(store.revoke_token(lasting.id).await.unwrap());
        assert!(!store.revoke_token(lasting.id).await.unwrap());
        let found = store.token_by_hash(&[2; 32]).await.unwrap().unwrap();
        assert!(found.revoked && !found.is_valid(world.now()));
        assert_eq!(store.tokens().await.unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_token_has_its_name_for_itself_while_it_opens_anything() {
    on_both(|store| async move {
        let world = World::new();
        let named = |seed| TokenRow { name: "ci".into(), ..token(&world, seed) };
        let ends = world.now().plus(Duration::from_secs(60));
        let first = TokenRow { expires_at: Some(ends), ..named(1) };
        store.insert_token(&first).await.unwrap();
        let error = store.insert_token(&named(2)).await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::Conflict(Conflict::TokenExists));
        world.clock.advance(Duration::from_secs(60));
        let second = named(3);
        store.insert_token(&second).await.unwrap();
        assert!(store.insert_token(&named(4)).await.is_err());
        store.revoke_token(second.id).await.unwrap();
        store.insert_token(&named(5)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_last_use_of_a_token_is_noted_once_a_minute() {
    on_both(|store| async move {
        let world = World::new();
        let row = token(&world, 1);
        store.insert_token(&row).await.unwrap();
        let first = world.now();
        let used = async || store.token_by_hash(&[1; 32]).await.unwrap().unwrap().last_used_at;
        store.touch_token(row.id, first).await.unwrap();
        assert_eq!(used().await, Some(first));
        store.touch_token(row.id, first.plus(Duration::from_secs(59))).await.unwrap();
        assert_eq!(used().await, Some(first));
        let later = first.plus(Duration::from_secs(61));
        store.touch_token(row.id, later).await.unwrap();
        assert_eq!(used().await, Some(later));
    })
    .await;
}

#[tokio::test]
async fn a_session_lives_until_it_ends_or_is_ended() {
    on_both(|store| async move {
        let world = World::new();
        let session = |hash: u8| SessionRow {
            id_sha256: [hash; 32],
            actor: "session:admin".into(),
            role: Role::Admin,
            created_at: Timestamp::from_millis(0),
            expires_at: Timestamp::from_millis(1_000),
        };
        for hash in 1..=3 {
            store.insert_session(&session(hash)).await.unwrap();
        }
        let (before, after) = (Timestamp::from_millis(999), Timestamp::from_millis(1_000));
        assert_eq!(store.session(&[1; 32], before).await.unwrap(), Some(session(1)));
        assert_eq!(store.session(&[1; 32], after).await.unwrap(), None);
        let later = Timestamp::from_millis(2_000);
        assert!(store.extend_session(&[3; 32], later).await.unwrap());
        assert_eq!(store.session(&[3; 32], after).await.unwrap().unwrap().expires_at, later);
        assert!(!store.extend_session(&[4; 32], later).await.unwrap());
        assert!(store.delete_session(&[2; 32]).await.unwrap());
        assert_eq!(store.session(&[2; 32], before).await.unwrap(), None);
        store.insert_login_code(&[8; 32], after).await.unwrap();
        store.insert_login_code(&[9; 32], world.now()).await.unwrap();
        assert_eq!(store.delete_expired_sessions(after).await.unwrap(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_login_code_opens_the_door_once() {
    on_both(|store| async move {
        let end = Timestamp::from_millis(1_000);
        store.insert_login_code(&[1; 32], end).await.unwrap();
        store.insert_login_code(&[2; 32], end).await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let store = store.clone();
            tasks.spawn(async move {
                store.consume_login_code(&[1; 32], Timestamp::from_millis(5)).await.unwrap()
            });
        }
        let used = tasks.join_all().await.into_iter().filter(|used| *used).count();
        assert_eq!(used, 1);
        assert!(!store.consume_login_code(&[2; 32], end).await.unwrap());
        assert!(!store.consume_login_code(&[3; 32], Timestamp::from_millis(5)).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn all_who_ask_for_a_setting_at_once_get_the_same() {
    on_both(|store| async move {
        assert_eq!(store.setting("server_id").await.unwrap(), None);
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..20_u8 {
            let store = store.clone();
            tasks.spawn(async move { store.setting_or_insert("server_id", &[number]).await });
        }
        let mut given: Vec<_> =
            tasks.join_all().await.into_iter().map(|value| value.unwrap()).collect();
        given.dedup();
        assert_eq!(given.len(), 1);
        store.set_setting("server_id", b"new").await.unwrap();
        assert_eq!(store.setting("server_id").await.unwrap().unwrap(), b"new");
    })
    .await;
}

fn reply(status: u16, body: &str) -> Reply {
    Reply { status, body: body.into() }
}

#[tokio::test]
async fn a_repeated_request_gets_the_reply_it_got_before() {
    on_both(|store| async move {
        let world = World::new();
        let name = |hash| key("k", hash).unwrap();
        let first: IdempotencyKey = name(1);
        assert_eq!(store.reply("a", &first).await.unwrap(), None);
        let kept = store.put_reply("a", &first, &reply(201, "one"), world.now()).await.unwrap();
        assert_eq!(kept, reply(201, "one"));
        // The slower of two at once is told what the faster one answered.
        let kept = store.put_reply("a", &first, &reply(201, "two"), world.now()).await.unwrap();
        assert_eq!(kept, reply(201, "one"));
        assert_eq!(store.reply("a", &first).await.unwrap(), Some(reply(201, "one")));
        assert_eq!(store.reply("b", &first).await.unwrap(), None);
        let error = store.reply("a", &name(2)).await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::Conflict(Conflict::IdempotencyMismatch));
        assert_eq!(store.delete_replies_before(world.now()).await.unwrap(), 1);
        assert_eq!(store.reply("a", &first).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_key_stands_for_one_request_whether_operation_or_not() {
    on_both(|store| async move {
        let world = World::new();
        let mut new = world.operation(&[]);
        new.idempotency = key("k", 1);
        store.submit(&new).await.unwrap();
        let mismatch = StoreErrorKind::Conflict(Conflict::IdempotencyMismatch);
        let taken = key("k", 1).unwrap();
        let error = store.reply("token:ci", &taken).await.unwrap_err();
        assert_eq!(*error.kind(), mismatch);
        let error = store.put_reply("token:ci", &taken, &reply(201, ""), world.now()).await;
        assert_eq!(*error.unwrap_err().kind(), mismatch);

        let other = key("other", 1).unwrap();
        store.put_reply("token:ci", &other, &reply(201, ""), world.now()).await.unwrap();
        let mut second = world.operation(&[]);
        second.idempotency = Some(other);
        assert_eq!(*store.submit(&second).await.unwrap_err().kind(), mismatch);
    })
    .await;
}
