//! Nothing personal is readable in what is kept, and nothing at all once a user is erased.

use std::path::Path;

use nexus_control_plane::identity::Identity;
use nexus_control_plane::projections::{digest, rebuild};
use nexus_control_plane::queries::{UserRef, WorkspaceQuery};
use nexus_events::problem::{Problem, ProblemCode};
use nexus_events::spec::Provider;

use crate::world::{World, public_key, registration};

const LOGIN: &str = "ada-lovelace-1815";
const ACCOUNT: u64 = 18_151_852;

/// Every file below `folder` that holds `secret`.
fn holding(folder: &Path, secret: &str, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            holding(&path, secret, found);
        } else {
            let bytes = std::fs::read(&path).unwrap();
            if bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes())
            {
                found.push(path);
            }
        }
    }
}

async fn in_the_log(world: &World, secret: &str) -> bool {
    let last = world.backbone.log.info().await.unwrap().last_sequence;
    for sequence in 1..=last {
        let event = world.backbone.log.get(sequence).await.unwrap().unwrap();
        if String::from_utf8_lossy(&event.payload).contains(secret) {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn what_is_personal_is_sealed_in_log_and_read_model() {
    let world = World::in_memory().await;
    let ada = world.person(LOGIN, ACCOUNT).await;
    let key = public_key(ACCOUNT);
    let blob = key.split(' ').nth(1).unwrap();
    for secret in [LOGIN, &ACCOUNT.to_string(), blob] {
        assert!(!in_the_log(&world, secret).await, "{secret}");
        let mut found = Vec::new();
        holding(world.home.path(), secret, &mut found);
        assert_eq!(found, Vec::<std::path::PathBuf>::new(), "{secret}");
    }
    let view = world.app.queries().user(&ada, &UserRef::Me).unwrap();
    assert_eq!(
        view.github_login.as_deref(),
        Some(LOGIN),
        "its owner reads it"
    );
}

#[tokio::test]
async fn an_erased_user_is_nobody_and_the_rest_is_as_it_was() {
    let world = World::in_memory().await;
    let ada = world.person(LOGIN, ACCOUNT).await;
    let bob = world.person("bob", 2).await;
    world.node(Provider::Fake).await;
    world.create(&bob, "hello").await;
    let user = ada.user().unwrap();
    let commands = world.app.commands();
    commands
        .erase_user(&Identity::Operator, user, &world.context())
        .await
        .unwrap();
    world.settle().await;

    assert_eq!(world.backbone.key_store.get(user).await.unwrap(), None);
    assert_eq!(world.app.queries().directory().login(user), None);
    assert_eq!(world.app.queries().directory().by_login(LOGIN), None);
    let folder = tempfile::tempdir().unwrap();
    let log = &world.backbone.log;
    let first = rebuild::rebuild(log, &folder.path().join("a"))
        .await
        .unwrap();
    let second = rebuild::rebuild(log, &folder.path().join("b"))
        .await
        .unwrap();
    let digests = [first, second].map(|rebuilt| digest::of_file(&rebuilt.file).unwrap());
    assert_eq!(digests[0], digests[1]);
    let his = world
        .app
        .queries()
        .workspaces(&bob, &WorkspaceQuery::default())
        .unwrap();
    assert_eq!(his.items[0].owner_login.as_deref(), Some("bob"));

    let again = registration(LOGIN, ACCOUNT);
    let refused = commands
        .register_user(&Identity::Operator, again, &world.context())
        .await;
    let problem = Problem::from(refused.unwrap_err());
    assert!(matches!(problem.code, ProblemCode::Gone), "{problem:?}");
}

#[tokio::test]
async fn users_are_readable_again_after_a_restart() {
    let world = World::in_memory().await;
    let ada = world.person(LOGIN, ACCOUNT).await;
    world.plane.shutdown().await;
    let settings = nexus_control_plane::settings::Settings::in_home(world.home.path());
    let plane = crate::world::start(settings, &world.backbone, &world.clock).await;
    let view = plane.app().queries().user(&ada, &UserRef::Me).unwrap();
    assert_eq!(view.github_login.as_deref(), Some(LOGIN));
    plane.shutdown().await;
}
