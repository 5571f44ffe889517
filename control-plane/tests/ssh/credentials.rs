//! Credentials and scripts: values in the vault and nowhere else, names in the log, gone with
//! their user.

use std::path::Path;

use nexus_control_plane::backbone::Backbone;
use nexus_control_plane::identity::Identity;
use nexus_events::problem::{Problem, ProblemCode};
use nexus_events::view::{CredentialsChange, Scripts};
use nexus_nats::testing::TestServer;

use crate::world::World;

const CANARY: &str = "canary-3f9c1e7ab2";

fn change(json: serde_json::Value) -> CredentialsChange {
    serde_json::from_value(json).unwrap()
}

async fn put(world: &World, who: &Identity, json: serde_json::Value) -> Result<(), Problem> {
    let user = who.user().unwrap();
    let commands = world.app.commands();
    let changed = commands
        .change_credentials(who, user, change(json), &world.context())
        .await;
    world.settle().await;
    changed.map(drop).map_err(Problem::from)
}

fn names(world: &World, who: &Identity) -> Vec<String> {
    let view = world
        .app
        .queries()
        .credentials(who, who.user().unwrap())
        .unwrap();
    view.env.into_keys().chain(view.files.into_keys()).collect()
}

#[tokio::test]
async fn what_is_named_is_set_or_removed_and_the_rest_stays() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    let first = serde_json::json!({
        "env": {"TOKEN": "one", "OTHER": "x"}, "files": {"~/.netrc": "machine"}
    });
    put(&world, &ada, first.clone()).await.unwrap();
    assert_eq!(names(&world, &ada), ["OTHER", "TOKEN", "~/.netrc"]);
    let queries = world.app.queries();
    let before = queries.credentials(&ada, ada.user().unwrap()).unwrap();

    let last = world.backbone.log.info().await.unwrap().last_sequence;
    put(&world, &ada, first).await.unwrap();
    let again = world.backbone.log.info().await.unwrap().last_sequence;
    assert_eq!(again, last, "the same once more is no event");

    let second = serde_json::json!({"env": {"TOKEN": "two", "OTHER": null, "NONE": null}});
    put(&world, &ada, second).await.unwrap();
    assert_eq!(names(&world, &ada), ["TOKEN", "~/.netrc"]);
    let after = queries.credentials(&ada, ada.user().unwrap()).unwrap();
    assert_ne!(after.env["TOKEN"].digest, before.env["TOKEN"].digest);
    assert_eq!(after.files, before.files);
}

#[tokio::test]
async fn wrong_names_are_told_all_at_once_and_nothing_changes() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    let long = "x".repeat(nexus_control_plane::vault::MOST_BYTES + 1);
    let wrong = serde_json::json!({
        "env": {"1A": "x", "A=B": "x", "GOOD": "x", "ZERO": "a\u{0}b", "LONG": long},
        "files": {"relative": "x", "~/../up": "x"}
    });
    let problem = put(&world, &ada, wrong).await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::ValidationError);
    let mut fields: Vec<_> = problem
        .errors
        .iter()
        .map(|error| error.field.as_str())
        .collect();
    fields.sort_unstable();
    let wanted = [
        "env.1A",
        "env.A=B",
        "env.LONG",
        "env.ZERO",
        "files.relative",
        "files.~/../up",
    ];
    assert_eq!(fields, wanted);
    assert!(names(&world, &ada).is_empty());
}

#[tokio::test]
async fn all_of_them_have_to_fit_into_one_message() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    let large = "x".repeat(nexus_control_plane::vault::MOST_BYTES);
    for number in 0..5 {
        let one = serde_json::json!({"env": {format!("V{number}"): large}});
        put(&world, &ada, one).await.unwrap();
    }
    let more = serde_json::json!({"env": {"V5": "x"}});
    let problem = put(&world, &ada, more.clone()).await.unwrap_err();
    assert_eq!(problem.errors[0].field, "credentials");
    let instead = serde_json::json!({"env": {"V5": "x", "V0": null}});
    put(&world, &ada, instead).await.unwrap();
    assert_eq!(names(&world, &ada).len(), 5);
}

#[tokio::test]
async fn what_is_hers_is_not_his() {
    let world = World::in_memory().await;
    let (ada, bob) = (world.person("ada", 1).await, world.person("bob", 2).await);
    put(&world, &ada, serde_json::json!({"env": {"TOKEN": "one"}}))
        .await
        .unwrap();
    let (user, context) = (ada.user().unwrap(), world.context());
    let refused = world.app.queries().credentials(&bob, user).unwrap_err();
    assert_eq!(Problem::from(refused).code, ProblemCode::NotFound);
    let commands = world.app.commands();
    let steal = change(serde_json::json!({"env": {"TOKEN": "two"}}));
    let refused = commands
        .change_credentials(&bob, user, steal, &context)
        .await;
    assert_eq!(
        Problem::from(refused.unwrap_err()).code,
        ProblemCode::NotFound
    );
    let refused = commands
        .change_scripts(&bob, user, Scripts::default(), &context)
        .await;
    assert_eq!(
        Problem::from(refused.unwrap_err()).code,
        ProblemCode::NotFound
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_is_in_no_file_and_gone_with_its_user() {
    let server = TestServer::start().await;
    let world = World::over(Backbone::on(&server.bus().await)).await;
    let ada = world.person("ada", 1).await;
    let user = ada.user().unwrap();
    let secret = serde_json::json!({
        "env": {"TOKEN": CANARY}, "files": {"~/.netrc": format!("password {CANARY}")}
    });
    put(&world, &ada, secret).await.unwrap();
    let argv = vec!["echo".to_owned(), CANARY.to_owned()];
    let scripts = Scripts {
        post_start: Some(argv.clone()),
    };
    let commands = world.app.commands();
    commands
        .change_scripts(&ada, user, scripts.clone(), &world.context())
        .await
        .unwrap();
    world.settle().await;
    let queries = world.app.queries();
    assert_eq!(queries.scripts(&ada, user).await.unwrap(), scripts);

    for folder in [server.folder(), world.home.path()] {
        assert_nowhere(folder);
        // The search does find what is there: the name of what holds it.
        assert!(!holding(folder, &["env.TOKEN".to_owned()]).is_empty());
    }

    commands
        .erase_user(&ada, user, &world.context())
        .await
        .unwrap();
    world.settle().await;
    let gone = queries
        .scripts(&Identity::Operator, user)
        .await
        .unwrap_err();
    assert_eq!(Problem::from(gone).code, ProblemCode::NotFound);
    world.plane.shutdown().await;
}

/// No file below holds the canary, plain or in base64.
fn assert_nowhere(folder: &Path) {
    assert_eq!(holding(folder, &needles()), Vec::<String>::new());
}

/// The files below that hold one of the texts.
fn holding(folder: &Path, texts: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            // Sockets cannot be read, and hold nothing.
            let Ok(bytes) = std::fs::read(&path) else {
                continue;
            };
            let holds = |text: &String| {
                bytes
                    .windows(text.len())
                    .any(|part| part == text.as_bytes())
            };
            found.extend(texts.iter().any(holds).then(|| path.display().to_string()));
        }
    }
    found
}

/// The canary as it would look at any offset within base64.
fn needles() -> Vec<String> {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD_NO_PAD;
    let encoded = |offset: usize| {
        let text = STANDARD_NO_PAD.encode(format!("{}{CANARY}", "x".repeat(offset)));
        // The first and last characters also depend on the neighbours.
        text[4..text.len() - 4].to_owned()
    };
    let mut needles: Vec<String> = (0..3).map(encoded).collect();
    needles.push(CANARY.to_owned());
    needles
}
