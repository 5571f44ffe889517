//! The child: one a store, on its port again after a crash, and the last to stop.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use nexus_nats::embedded::{ChildState, Durability, EmbeddedError};
use nexus_nats::testing::{TestServer, node};
use nexus_nats::{Bus, Embedded, EmbeddedOptions, Expected, Log, Role};

use crate::sample::{claim, event, soon};

fn options(folder: &Path) -> EmbeddedOptions {
    EmbeddedOptions::new(folder)
        .durability(Durability::Relaxed)
        .patience(Duration::from_secs(5))
}

fn alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn pid(embedded: &Embedded) -> u32 {
    match *embedded.state().borrow() {
        ChildState::Running { pid, .. } => pid,
        ref state => panic!("{state:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_started_again_on_the_same_port_with_the_same_log() {
    let folder = tempfile::tempdir().unwrap();
    let embedded = Embedded::start(options(folder.path())).await.unwrap();
    let url = embedded.url().to_owned();
    let bus = Bus::connect(embedded.options(Role::ControlPlane))
        .await
        .unwrap();
    nexus_nats::topology::ensure(&bus, nexus_nats::Replicas(1))
        .await
        .unwrap();
    let log = Log::on(&bus);
    log.append(Expected::Empty, &event(&claim())).await.unwrap();
    let created = log.info().await.unwrap().created;
    let first = pid(&embedded);
    embedded.stop().await;
    assert!(!alive(first), "it has ended when stop returns");

    let embedded = Embedded::start(options(folder.path())).await.unwrap();
    assert_eq!(embedded.url(), url);
    let info = soon("the old connection finds it", log.info())
        .await
        .unwrap();
    assert_eq!((info.created, info.last_sequence), (created, 1));
    embedded.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asked_to_it_starts_anew_and_has_everything() {
    let server = TestServer::start().await;
    let log = Log::on(&server.bus().await);
    log.append(Expected::Empty, &event(&claim())).await.unwrap();
    let first = pid(server.embedded());
    server.embedded().restart().await;
    let info = soon("the connection finds it", log.info()).await.unwrap();
    assert_eq!(info.last_sequence, 1);
    assert_ne!(pid(server.embedded()), first);
    assert!(!alive(first));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_is_followed_by_a_new_start() {
    let server = TestServer::start().await;
    let log = Log::on(&server.bus().await);
    let before = pid(server.embedded());
    let mut state = server.embedded().state();
    state.borrow_and_update();
    server.crash();
    let again = |state: &ChildState| matches!(state, ChildState::Running { restarts: 1, .. });
    soon("it is started again", state.wait_for(again))
        .await
        .unwrap();
    assert_ne!(pid(server.embedded()), before);
    let append = soon("it serves", log.append(Expected::Empty, &event(&claim()))).await;
    assert_eq!(append.unwrap().sequence(), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_never_share_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let first = Embedded::start(options(folder.path())).await.unwrap();
    let short = options(folder.path()).patience(Duration::from_millis(100));
    let error = Embedded::start(short).await.unwrap_err();
    assert!(matches!(error, EmbeddedError::InUse { .. }), "{error:?}");
    assert!(error.to_string().contains("nexus daemon stop"), "{error}");
    first.stop().await;
    Embedded::start(options(folder.path()))
        .await
        .unwrap()
        .stop()
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_private_and_not_on_the_command_line() {
    let server = TestServer::start().await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&server.folder().join("nats-server.json")), 0o600);
    assert_eq!(mode(server.folder()), 0o700);
    let config = std::fs::read_to_string(server.folder().join("nats-server.json")).unwrap();
    let command = std::fs::read_to_string(format!("/proc/{}/cmdline", pid(server.embedded())));
    let command = command.unwrap();
    for role in [Role::ControlPlane, Role::Worker(node()), Role::Cli] {
        let path = server.embedded().seed_file(role);
        assert_eq!(mode(&path), 0o600);
        let seed = std::fs::read_to_string(path).unwrap();
        assert!(
            !config.contains(seed.trim()) && !command.contains(seed.trim()),
            "{role:?}"
        );
    }
    assert!(
        config.contains("127.0.0.1") && !config.contains("http"),
        "{config}"
    );
}

/// A program that says it is a nats-server of this version.
fn pretender(folder: &Path, version: &str) -> std::path::PathBuf {
    let path = folder.join("nats-server");
    std::fs::write(
        &path,
        format!("#!/bin/sh\necho 'nats-server: v{version}'\n"),
    )
    .unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_or_missing_server_is_refused_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let old = options(folder.path()).binary(pretender(folder.path(), "2.9.10"));
    let error = Embedded::start(old).await.unwrap_err();
    assert!(
        matches!(&error, EmbeddedError::TooOld { found, .. } if found == "2.9.10"),
        "{error:?}"
    );
    assert!(error.to_string().contains("./dev up"), "{error}");
    let none = options(folder.path()).binary(folder.path().join("none"));
    let error = Embedded::start(none).await.unwrap_err();
    assert!(matches!(error, EmbeddedError::NoBinary { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_does_not_serve_is_given_up_and_names_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let silent = options(folder.path())
        .binary(pretender(folder.path(), "2.15.1"))
        .patience(Duration::from_millis(300));
    let error = Embedded::start(silent).await.unwrap_err();
    assert!(matches!(error, EmbeddedError::NotReady { .. }), "{error:?}");
    assert!(error.to_string().contains("nats-server.log"), "{error}");
}

/// Set for the process that is to be killed: where its server keeps its files.
const PARENT_FOLDER: &str = "NEXUS_TEST_PARENT_FOLDER";

/// Not a test by itself: the parent that `the_server_dies_with_its_parent` starts and kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parent_to_be_killed() {
    let Some(folder) = std::env::var_os(PARENT_FOLDER) else {
        return;
    };
    let embedded = Embedded::start(options(Path::new(&folder))).await.unwrap();
    let pid_file = Path::new(&folder).join("pid");
    std::fs::write(pid_file.with_extension("new"), pid(&embedded).to_string()).unwrap();
    std::fs::rename(pid_file.with_extension("new"), pid_file).unwrap();
    std::future::pending().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_dies_with_its_parent() {
    let folder = tempfile::tempdir().unwrap();
    let mut parent = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "embedded::parent_to_be_killed"])
        .env(PARENT_FOLDER, folder.path())
        .stdout(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let pid: u32 = soon("its server runs", async {
        loop {
            match std::fs::read_to_string(folder.path().join("pid")) {
                Ok(pid) => return pid.parse().unwrap(),
                Err(_) => tokio::task::yield_now().await,
            }
        }
    })
    .await;
    assert!(alive(pid));
    parent.kill().await.unwrap();
    soon("the server has ended", async {
        while alive(pid) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    Embedded::start(options(folder.path()))
        .await
        .unwrap()
        .stop()
        .await;
}
