//! What inits are told: at once when something changes, again after they were away, and no more
//! often than that.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nexus_control_plane::backbone::Backbone;
use nexus_events::spec::Provider;
use nexus_events::view::{CertificateRequest, CredentialsChange, Scripts};
use nexus_events::workspace::{Command, Report, Workspace};
use nexus_init_protocol::ExecSpec;

use crate::inits::{Init, PATIENCE, USER, Ways, is_skipped};
use crate::keys::KeyPair;
use crate::stock::{Known, Stock, serve_ssh};
use crate::world::{World, append};

async fn world(ways: &Ways) -> World {
    World::over(Backbone::memory().with_lines(Arc::new(ways.clone()))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_lets_in_until_it_is_removed_and_then_its_session_ends_within_a_second() {
    if is_skipped() {
        return;
    }
    let ways = Ways::default();
    let world = world(&ways).await;
    let ada = world.person("ada", 1).await;
    let node = world.node(Provider::Fake).await;
    let workspace = world.create(&ada, "hello").await.workspace;
    let init = Init::start().await;
    ways.lead(workspace, &init);
    world.bring_up_with(workspace, node, &init).await;
    init.until("it is told at its start", |access, _| access > 0)
        .await;

    let key = KeyPair::ed25519();
    let user = ada.user().unwrap();
    let commands = world.app.commands();
    let context = world.context();
    let added = commands
        .add_user_key(&ada, user, &key.public(), &context)
        .await;
    let sequence = added.unwrap().sequence;
    init.until("the key is told", |access, _| access >= sequence)
        .await;

    // By the host certificate alone, under the name the user knows.
    let known = Known::authority(&world.app.authorities().host_authority());
    let port = serve_ssh(init.client.clone()).await;
    let stock = Stock::new(&key, &known).port(port).alias("hello.nexus");
    let mut session = stock
        .session(&format!("{USER}@127.0.0.1"), "echo in; cat")
        .await;
    session.line("in").await;

    let began = Instant::now();
    let fingerprint = key.fingerprint();
    commands
        .remove_user_key(&ada, user, &fingerprint, &context)
        .await
        .unwrap();
    session.ended().await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    let refused = stock.run(&format!("{USER}@127.0.0.1"), "true").await;
    assert_eq!(refused.status.code(), Some(255), "{refused:?}");
    world.plane.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_does_not_answer_holds_up_no_other_and_is_told_later() {
    if is_skipped() {
        return;
    }
    let ways = Ways::default();
    let world = world(&ways).await;
    let ada = world.person("ada", 1).await;
    let node = world.node(Provider::Fake).await;
    let silent = world.create(&ada, "silent").await.workspace;
    let other = world.create(&ada, "other").await.workspace;
    let (init, late) = (Init::start().await, Init::start().await);
    ways.lead(other, &init);
    world.bring_up_with(silent, node, &late).await;
    world.bring_up_with(other, node, &init).await;
    init.until("the other is told", |access, credentials| {
        access > 0 && credentials > 0
    })
    .await;
    let silent_yet = late.client.status().await.unwrap().access_revision;
    assert_eq!(silent_yet, 0);

    ways.lead(silent, &late);
    late.until("it is found by looking", |access, _| access > 0)
        .await;
    world.plane.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_said_twice_and_a_restart_says_it_once_more() {
    if is_skipped() {
        return;
    }
    let ways = Ways::default();
    let backbone = Backbone::memory().with_lines(Arc::new(ways.clone()));
    let world = World::over(backbone.clone()).await;
    let ada = world.person("ada", 1).await;
    let node = world.node(Provider::Fake).await;
    let workspace = world.create(&ada, "hello").await.workspace;
    let init = Init::start().await;
    ways.lead(workspace, &init);
    world.bring_up_with(workspace, node, &init).await;
    init.until("it is told", |access, credentials| {
        access > 0 && credentials > 0
    })
    .await;

    // A token is no business of any init's; a key is. Were the token told, it would be before.
    let said = ways.opened();
    let commands = world.app.commands();
    let context = world.context();
    commands
        .issue_token(&ada, Default::default(), &context)
        .await
        .unwrap();
    let user = ada.user().unwrap();
    let added = commands
        .add_user_key(&ada, user, &KeyPair::ed25519().public(), &context)
        .await;
    let sequence = added.unwrap().sequence;
    init.until("the key is told", |access, _| access >= sequence)
        .await;
    assert_eq!(ways.opened(), said + 1, "one stream, for the key");

    let settings = world.app.settings().clone();
    world.plane.shutdown().await;
    let plane = crate::world::start(settings, &backbone, &world.clock).await;
    let again = tokio::time::timeout(PATIENCE, async {
        while ways.opened() < said + 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(
        again.await.is_ok(),
        "a new server cannot know what was told"
    );
    plane.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_and_the_script_reach_the_workspace() {
    if is_skipped() {
        return;
    }
    let ways = Ways::default();
    let world = world(&ways).await;
    let ada = world.person("ada", 1).await;
    let node = world.node(Provider::Fake).await;
    let user = ada.user().unwrap();
    let commands = world.app.commands();
    let context = world.context();
    let set = |value: &str| CredentialsChange {
        env: [("TOKEN".to_owned(), Some(value.to_owned()))].into(),
        ..CredentialsChange::default()
    };
    commands
        .change_credentials(&ada, user, set("one"), &context)
        .await
        .unwrap();
    let workspace = world.create(&ada, "hello").await.workspace;
    let init = Init::start().await;
    let witness = init.socket().with_extension("witness");
    let line = format!("echo \"$TOKEN\" > {}", witness.display());
    let scripts = Scripts {
        post_start: Some(["sh", "-c", &line].map(str::to_owned).to_vec()),
    };
    commands
        .change_scripts(&ada, user, scripts, &context)
        .await
        .unwrap();
    world.settle().await;
    ways.lead(workspace, &init);
    world.bring_up_with(workspace, node, &init).await;
    let ran = tokio::time::timeout(PATIENCE, async {
        while std::fs::read(&witness).unwrap_or_default().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(ran.await.is_ok(), "the script runs after the start");
    assert_eq!(std::fs::read_to_string(&witness).unwrap(), "one\n");

    let changed = commands
        .change_credentials(&ada, user, set("two"), &context)
        .await;
    let sequence = changed.unwrap().sequence;
    init.until("the change is told", |_, credentials| {
        credentials >= sequence
    })
    .await;
    let spec = ExecSpec::new(["sh", "-c", "echo $TOKEN"]);
    let output = init.client.exec_to_end(&spec, 1024).await.unwrap();
    assert_eq!(output.stdout, b"two\n");
    world.plane.shutdown().await;
}

/// A script that adds a line to the file.
fn writes(line: &str, witness: &Path) -> Scripts {
    let line = format!("echo {line} >> {}", witness.display());
    Scripts {
        post_start: Some(["sh", "-c", &line].map(str::to_owned).to_vec()),
    }
}

async fn until_written(witness: &Path, wanted: &str) {
    let looking = async {
        while std::fs::read_to_string(witness).unwrap_or_default() != wanted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let looked = tokio::time::timeout(PATIENCE, looking).await;
    let found = std::fs::read_to_string(witness);
    assert!(looked.is_ok(), "{wanted:?} is expected, not {found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_script_of_a_start_nobody_saw_runs_once_when_the_server_is_back() {
    if is_skipped() {
        return;
    }
    let ways = Ways::default();
    let backbone = Backbone::memory().with_lines(Arc::new(ways.clone()));
    let world = World::over(backbone.clone()).await;
    let ada = world.person("ada", 1).await;
    let node = world.node(Provider::Fake).await;
    let user = ada.user().unwrap();
    let context = world.context();
    let [seen, unseen] = [Init::start().await, Init::start().await];
    let [first, second] = ["first", "second"].map(|name| seen.socket().with_extension(name));
    let commands = world.app.commands();
    let scripts = writes("first", &first);
    let changed = commands.change_scripts(&ada, user, scripts, &context).await;
    changed.unwrap();
    let workspace = world.create(&ada, "unseen").await.workspace;
    ways.lead(workspace, &unseen);
    world.make_with(workspace, node, &unseen).await;

    // It becomes ready while no server is there.
    let settings = world.app.settings().clone();
    let operation = world.state(workspace).await.operation.unwrap();
    world.plane.shutdown().await;
    let at = world.clock.now();
    let ready = Command::Report {
        operation: operation.id,
        epoch: operation.epoch,
        node: Some(node),
        report: Report::Ready { at, partial: false },
    };
    append::<Workspace>(&backbone, at, &workspace, &ready).await;
    let plane = crate::world::start(settings.clone(), &backbone, &world.clock).await;
    until_written(&first, "first\n").await;

    // Another script is meant for the next start, and the one before has had its turn.
    let app = plane.app();
    let scripts = writes("second", &second);
    let changed = app.commands().change_scripts(&ada, user, scripts, &context);
    changed.await.unwrap();
    plane.shutdown().await;
    let plane = crate::world::start(settings, &backbone, &world.clock).await;
    let world = World {
        app: plane.app(),
        plane,
        ..world
    };
    let workspace = world.create(&ada, "seen").await.workspace;
    ways.lead(workspace, &seen);
    world.bring_up_with(workspace, node, &seen).await;
    until_written(&second, "second\n").await;
    assert_eq!(std::fs::read_to_string(&first).unwrap(), "first\n");
    world.plane.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_erased_is_out_within_a_second_and_nobody_vouches_for_them() {
    if is_skipped() {
        return;
    }
    let ways = Ways::default();
    let world = world(&ways).await;
    let ada = world.person("ada", 1).await;
    let node = world.node(Provider::Fake).await;
    let workspace = world.create(&ada, "hello").await.workspace;
    let init = Init::start().await;
    ways.lead(workspace, &init);
    world.bring_up_with(workspace, node, &init).await;
    init.until("it is told", |access, _| access > 0).await;
    let key = KeyPair::ed25519();
    let (commands, context) = (world.app.commands(), world.context());
    let request = CertificateRequest {
        public_key: key.public(),
        workspace: Some("hello".into()),
        valid_seconds: None,
    };
    let issued = commands.issue_certificate(&ada, request, &context).await;
    std::fs::write(key.certificate(), issued.unwrap().value.certificate).unwrap();
    let known = Known::authority(&world.app.authorities().host_authority());
    let port = serve_ssh(init.client.clone()).await;
    let stock = Stock::new(&key, &known)
        .port(port)
        .alias(&workspace.to_string());
    let host = format!("{USER}@127.0.0.1");
    let mut session = stock.session(&host, "echo in; cat").await;
    session.line("in").await;

    let began = Instant::now();
    let user = ada.user().unwrap();
    commands.erase_user(&ada, user, &context).await.unwrap();
    session.ended().await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    let refused = stock.run(&host, "true").await;
    assert_eq!(refused.status.code(), Some(255), "{refused:?}");
    world.plane.shutdown().await;
}
