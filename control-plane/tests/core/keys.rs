//! SSH keys: one user's each, at however many replicas they are added.

use nexus_control_plane::backbone::Backbone;
use nexus_control_plane::commands::CommandError;
use nexus_control_plane::identity::Identity;
use nexus_events::claim::{Claim, ClaimCommand, ClaimId, KeyDigest};
use nexus_events::id::UserId;
use nexus_events::problem::{Problem, ProblemCode};
use nexus_events::user::{Sealed, User, UserCommand};
use nexus_nats::Repository;
use nexus_nats::testing::TestServer;

use crate::replicas::two;
use crate::world::{World, fingerprint, public_key};

async fn add(world: &World, who: &Identity, key: &str) -> Result<(), CommandError> {
    let (commands, context) = (world.app.commands(), world.context());
    let added = commands.add_user_key(who, who.user().unwrap(), key, &context);
    added.await.map(drop)
}

async fn remove(world: &World, who: &Identity, key: &str) {
    let (commands, context) = (world.app.commands(), world.context());
    let fingerprint = fingerprint(key);
    let removed = commands.remove_user_key(who, who.user().unwrap(), &fingerprint, &context);
    removed.await.unwrap();
}

fn claim(key: &str) -> ClaimId {
    ClaimId::Key(KeyDigest::of_fingerprint(&fingerprint(key)).unwrap())
}

/// Whose the claim is, as the log has it.
async fn holder(world: &World, key: &str) -> Option<UserId> {
    let claims = Repository::<Claim>::new(world.backbone.log.clone());
    let held = claims.load(&claim(key)).await.unwrap().state.holder;
    held.and_then(|holder| holder.user())
}

/// Who has the key, as the log has it.
async fn owners(world: &World, of: &[&Identity], key: &str) -> Vec<UserId> {
    let users = Repository::<User>::new(world.backbone.log.clone());
    let mut owners = Vec::new();
    for who in of {
        let user = who.user().unwrap();
        let state = users.load(&user).await.unwrap().state;
        owners.extend(state.keys.contains_key(&fingerprint(key)).then_some(user));
    }
    owners
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_add_one_key_at_two_replicas_at_once_one_has_it() {
    let server = TestServer::start().await;
    let (one, other) = two(Backbone::on(&server.bus().await)).await;
    let (ada, bob) = (one.person("ada", 1).await, one.person("bob", 2).await);
    other.settle().await;
    for round in 100..120 {
        let key = public_key(round);
        let (by_ada, by_bob) = tokio::join!(add(&one, &ada, &key), add(&other, &bob, &key));
        let refused = match (by_ada, by_bob) {
            (Ok(()), Err(refused)) | (Err(refused), Ok(())) => refused,
            both => panic!("{both:?}"),
        };
        assert!(
            matches!(refused, CommandError::KeyTaken { .. }),
            "{refused:?}"
        );
        let owners = owners(&one, &[&ada, &bob], &key).await;
        assert_eq!(owners.len(), 1, "{owners:?}");
        assert_eq!(holder(&one, &key).await, owners.first().copied());
    }
    one.plane.shutdown().await;
    other.plane.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_added_while_it_is_removed_elsewhere_is_claimed_or_nobodys() {
    let (one, other) = two(Backbone::memory()).await;
    let (ada, bob) = (one.person("ada", 1).await, one.person("bob", 2).await);
    other.settle().await;
    let key = public_key(9);
    for _ in 0..50 {
        let by_bob = async {
            let taken = add(&other, &bob, &key).await.is_ok();
            if taken {
                remove(&one, &bob, &key).await;
            }
        };
        let (added, (), ()) =
            tokio::join!(add(&one, &ada, &key), remove(&other, &ada, &key), by_bob);
        match added {
            Ok(()) | Err(CommandError::KeyTaken { .. } | CommandError::Contended) => {}
            Err(other) => panic!("{other}"),
        }
        let owners = owners(&one, &[&ada, &bob], &key).await;
        if let Some(owner) = owners.first() {
            assert_eq!(holder(&one, &key).await, Some(*owner), "of {owners:?}");
        }
        one.settle().await;
        other.settle().await;
    }
}

#[tokio::test]
async fn a_refusal_names_the_field_and_nobody() {
    let (one, other) = two(Backbone::memory()).await;
    let (ada, bob) = (one.person("ada", 1).await, one.person("bob", 2).await);
    other.settle().await;
    let refused = add(&other, &bob, &public_key(1)).await.unwrap_err();
    let problem = Problem::from(refused);
    assert_eq!(problem.code, ProblemCode::Conflict);
    assert_eq!(problem.errors[0].field, "key");
    assert!(problem.hint.contains("ssh-keygen"), "{problem:?}");
    let said = format!("{problem:?}");
    let whose = ada.user().unwrap().to_string();
    assert!(!said.contains(&whose) && !said.contains("ada"), "{said}");
}

#[tokio::test]
async fn a_key_that_was_removed_or_whose_user_was_erased_is_anybodys() {
    let (one, other) = two(Backbone::memory()).await;
    let (ada, bob) = (one.person("ada", 1).await, one.person("bob", 2).await);
    other.settle().await;
    let key = public_key(1);
    remove(&one, &ada, &key).await;
    assert_eq!(holder(&one, &key).await, None);
    // At once, and before the other has read of it.
    add(&other, &bob, &key).await.unwrap();
    let context = other.context();
    let commands = other.app.commands();
    other.settle().await;
    commands
        .erase_user(&bob, bob.user().unwrap(), &context)
        .await
        .unwrap();
    assert_eq!(holder(&one, &key).await, None);
    add(&one, &ada, &key).await.unwrap();
    assert_eq!(holder(&one, &key).await, ada.user());
}

#[tokio::test]
async fn a_claim_whose_key_never_came_is_released() {
    let world = World::in_memory().await;
    let (ada, bob) = (world.person("ada", 1).await, world.person("bob", 2).await);
    let key = public_key(9);
    // What a server that ends between the claim and the key leaves behind.
    let (user, at) = (ada.user().unwrap(), world.clock.now());
    world
        .execute::<Claim>(&claim(&key), &ClaimCommand::ClaimKey { user, at })
        .await;
    world.settle().await;
    let reconciler = world.app.reconciler();
    let now = world.advance(60);
    assert_eq!(
        reconciler.key_claims(now).await.unwrap(),
        0,
        "it may still come"
    );
    let refused = add(&world, &bob, &key).await.unwrap_err();
    assert!(
        matches!(refused, CommandError::KeyTaken { .. }),
        "{refused:?}"
    );
    let now = world.advance(120);
    reconciler.key_claims(now).await.unwrap();
    add(&world, &bob, &key).await.unwrap();
    assert_eq!(holder(&world, &public_key(1)).await, ada.user(), "kept");
}

#[tokio::test]
async fn the_keys_of_an_older_log_become_claimed_a_double_among_them() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    world.advance(1);
    let bob = world.person("bob", 2).await;
    let (hers, both) = (public_key(8), public_key(9));
    for (who, key) in [(&ada, &hers), (&ada, &both), (&bob, &both)] {
        let command = UserCommand::AddKey {
            fingerprint: fingerprint(key),
            public_key: Sealed("sealed".into()),
            at: world.clock.now(),
        };
        world.execute::<User>(&who.user().unwrap(), &command).await;
    }
    world.settle().await;
    let reconciler = world.app.reconciler();
    // The driver's own timer may have been first; between the two it is done once.
    reconciler.key_claims(world.clock.now()).await.unwrap();
    world.settle().await;
    assert_eq!(reconciler.key_claims(world.clock.now()).await.unwrap(), 0);
    assert_eq!(holder(&world, &hers).await, ada.user());
    assert_eq!(holder(&world, &both).await, ada.user(), "who came first");
    let refused = add(&world, &bob, &hers).await.unwrap_err();
    assert!(
        matches!(refused, CommandError::KeyTaken { .. }),
        "{refused:?}"
    );

    remove(&world, &ada, &both).await;
    world.settle().await;
    reconciler.key_claims(world.clock.now()).await.unwrap();
    assert_eq!(holder(&world, &both).await, bob.user(), "who is left");
}
