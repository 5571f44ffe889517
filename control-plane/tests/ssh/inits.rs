//! Real inits, each with a state of its own, and a link that leads to them.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use nexus_control_plane::gateway::Lines;
use nexus_events::id::{NodeId, WorkspaceId};
use nexus_events::workspace::{Machine, Report};
use nexus_init_protocol::{Client, InitStream, ReportEvent, SetupPlan, WorkUser};
use tokio::net::UnixStream;

use crate::world::World;

/// No wait of a test lasts longer; all of them wait for events.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Who works in the workspaces of the tests: whoever runs them.
pub(crate) const USER: &str = "root";

/// One running init.
pub(crate) struct Init {
    pub(crate) client: Client,
    pub(crate) host_key: String,
    directory: tempfile::TempDir,
    child: Child,
}

impl Init {
    /// Starts an init and sets it up, with nobody let in yet.
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let child = Command::new(binary())
            .arg("serve")
            .arg("--state")
            .arg(directory.path().join("state"))
            .arg("--socket")
            .arg(socket(directory.path()))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let client = Client::connect_within(socket(directory.path()), PATIENCE);
        let client = client.await.unwrap();
        let plan = SetupPlan {
            user: WorkUser {
                name: USER.into(),
                uid: 0,
                home: "/root".into(),
            },
            workspace_directory: directory.path().join("work").display().to_string(),
            ..SetupPlan::new("op-1", 1)
        };
        client.apply(&plan).await.unwrap();
        let mut reports = client.reports(0).await.unwrap();
        let mut host_key = None;
        loop {
            match reports.next().await.unwrap().expect("it goes on").event {
                ReportEvent::StepSucceeded { detail, .. } => {
                    host_key = detail.host_key.or(host_key);
                }
                ReportEvent::SetupFinished { .. } => break,
                _ => {}
            }
        }
        Self {
            client,
            host_key: host_key.expect("it has one"),
            directory,
            child,
        }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        socket(self.directory.path())
    }

    /// Waits until what init says of itself is so.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(u64, u64) -> bool) {
        let looking = async {
            loop {
                let status = self.client.status().await.unwrap();
                if is_so(status.access_revision, status.credentials_revision) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let looked = tokio::time::timeout(PATIENCE, looking).await;
        assert!(looked.is_ok(), "{what}");
    }
}

impl Drop for Init {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _gone_already = self.child.wait();
    }
}

fn socket(directory: &Path) -> PathBuf {
    directory.join("run/init.sock")
}

/// The binary that is built beside these tests.
fn binary() -> PathBuf {
    let this_test = std::env::current_exe().unwrap();
    let folder = this_test.parent().and_then(Path::parent).unwrap();
    let binary = folder.join("nexus-init");
    let shown = binary.display();
    assert!(
        binary.exists(),
        "{shown} is not there: run ./dev build first"
    );
    binary
}

/// Only root can log anybody in; says so and gives `true` when nobody can be.
pub(crate) fn is_skipped() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        println!("SKIPPED SSH: the tests have to run as root");
    }
    !is_root
}

/// The ways to inits, by workspace; one that is not there is a node that does not answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ways {
    sockets: Arc<Mutex<HashMap<WorkspaceId, PathBuf>>>,
    opened: Arc<Mutex<usize>>,
}

impl Ways {
    pub(crate) fn lead(&self, workspace: WorkspaceId, init: &Init) {
        self.sockets
            .lock()
            .unwrap()
            .insert(workspace, init.socket());
    }

    /// How often a stream was opened.
    pub(crate) fn opened(&self) -> usize {
        *self.opened.lock().unwrap()
    }
}

impl Lines for Ways {
    fn open(&self, _: NodeId, workspace: WorkspaceId) -> BoxFuture<'_, io::Result<InitStream>> {
        let socket = self.sockets.lock().unwrap().get(&workspace).cloned();
        *self.opened.lock().unwrap() += 1;
        Box::pin(async move {
            match socket {
                Some(socket) => Ok(InitStream::Unix(UnixStream::connect(socket).await?)),
                // It neither answers nor refuses.
                None => std::future::pending().await,
            }
        })
    }
}

impl World {
    /// What a worker does with the operation in flight, with a machine that is `init`.
    pub(crate) async fn bring_up_with(&self, workspace: WorkspaceId, node: NodeId, init: &Init) {
        self.make_with(workspace, node, init).await;
        let at = self.clock.now();
        self.report(workspace, node, |_| {
            Some(Report::Ready { at, partial: false })
        })
        .await;
    }

    /// The same, up to a machine that is not ready yet.
    pub(crate) async fn make_with(&self, workspace: WorkspaceId, node: NodeId, init: &Init) {
        self.report(workspace, node, |_| None).await;
        let machine = Machine {
            handle: "h".into(),
            image: "base".into(),
            host_key: Some(init.host_key.clone()),
            user: USER.into(),
            home: "/root".into(),
            directory: "/root".into(),
        };
        self.report(workspace, node, |_| Some(Report::MachineReady { machine }))
            .await;
    }
}
