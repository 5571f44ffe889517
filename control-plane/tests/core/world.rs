//! A plane in a home of its own, and what stands in for people and workers.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use nexus_control_plane::app::{App, Options, Plane};
use nexus_control_plane::backbone::Backbone;
use nexus_control_plane::clock::Clock;
use nexus_control_plane::commands::{CreatedWorkspace, RequestContext};
use nexus_control_plane::identity::Identity;
use nexus_control_plane::queries::WorkspaceRef;
use nexus_control_plane::settings::Settings;
use nexus_events::aggregate::Aggregate;
use nexus_events::claim::{Claim, ClaimCommand, ClaimId};
use nexus_events::envelope::{Actor, Context};
use nexus_events::id::{CorrelationId, EventId, NodeId, TokenId, UserId, WorkspaceId};
use nexus_events::node::{Heartbeat, Node, NodeCommand, NodeProfile};
use nexus_events::spec::{Capabilities, Provider, WorkspaceSpec};
use nexus_events::user::Scope;
use nexus_events::view::{NewWorkspace, RegisterUserRequest, WorkspaceView};
use nexus_events::workspace::{Command, Machine, Report, Workspace};
use nexus_nats::Repository;
use tempfile::TempDir;

/// How long anything may take that takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) plane: Plane,
    pub(crate) app: App,
    pub(crate) home: TempDir,
    pub(crate) clock: Clock,
    pub(crate) backbone: Backbone,
}

impl World {
    /// Over a log in memory, at a time that stands still.
    pub(crate) async fn in_memory() -> Self {
        Self::over(Backbone::memory()).await
    }

    pub(crate) async fn over(backbone: Backbone) -> Self {
        Self::with(backbone, |_| {}).await
    }

    pub(crate) async fn with(backbone: Backbone, set: impl FnOnce(&mut Settings)) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut settings = Settings::in_home(home.path());
        set(&mut settings);
        let clock = Clock::standing_at(Timestamp::now());
        let plane = start(settings, &backbone, &clock).await;
        let app = plane.app();
        Self {
            plane,
            app,
            home,
            clock,
            backbone,
        }
    }

    /// Waits until everything in the log is projected.
    pub(crate) async fn settle(&self) {
        let last = self.backbone.log.info().await.unwrap().last_sequence;
        self.app.queries().wait_for(last, PATIENCE).await.unwrap();
    }

    pub(crate) fn context(&self) -> RequestContext {
        RequestContext::new(self.clock.now())
    }

    pub(crate) fn keyed(&self, key: &str) -> RequestContext {
        self.context().with_key(key.parse().unwrap())
    }

    pub(crate) fn advance(&self, seconds: i64) -> Timestamp {
        let now = self
            .clock
            .now()
            .saturating_add(SignedDuration::from_secs(seconds))
            .unwrap();
        self.clock.set(now);
        now
    }

    /// Registers a person and gives who they are when they ask for themselves.
    pub(crate) async fn person(&self, login: &str, account: u64) -> Identity {
        let request = registration(login, account);
        let registered = self
            .app
            .commands()
            .register_user(&Identity::Operator, request, &self.context())
            .await
            .unwrap();
        self.settle().await;
        as_user(registered.value.user_id)
    }

    /// A worker's node joins.
    pub(crate) async fn node(&self, provider: Provider) -> NodeId {
        let node = NodeId::derived(format!("{provider}-node"));
        let profile = NodeProfile {
            provider,
            hostname: "here".into(),
            engine: "scripted".into(),
            version: "1".into(),
            slots: 4,
            capabilities: Capabilities::default(),
        };
        let at = self.clock.now();
        self.execute::<Node>(&node, &NodeCommand::Join { profile, at })
            .await;
        self.settle().await;
        node
    }

    pub(crate) fn beat(&self, node: NodeId) {
        let at = self.clock.now();
        let heartbeat = Heartbeat {
            node,
            at,
            running: Vec::new(),
            free_slots: 4,
            link: Vec::new(),
        };
        self.app.queries().pulse().hear(heartbeat);
    }

    pub(crate) async fn create(&self, who: &Identity, name: &str) -> CreatedWorkspace {
        let created = self
            .app
            .commands()
            .create_workspace(who, new_workspace(name), None, &self.context())
            .await
            .unwrap();
        self.settle().await;
        created
    }

    /// What a worker does with the operation in flight, up to a running machine.
    pub(crate) async fn bring_up(&self, workspace: WorkspaceId, node: NodeId) {
        self.report(workspace, node, |_| None).await;
        let machine = Machine {
            handle: "h".into(),
            image: "base".into(),
            host_key: None,
            user: "dev".into(),
            home: "/home/dev".into(),
            directory: "/home/dev/workspace".into(),
        };
        self.report(workspace, node, |_| Some(Report::MachineReady { machine }))
            .await;
        let at = self.clock.now();
        self.report(workspace, node, |_| {
            Some(Report::Ready { at, partial: false })
        })
        .await;
    }

    /// Takes the operation in flight to `node` (`None`), or reports on it.
    pub(crate) async fn report(
        &self,
        workspace: WorkspaceId,
        node: NodeId,
        report: impl FnOnce(Timestamp) -> Option<Report>,
    ) {
        let state = self.state(workspace).await;
        let current = state.operation.expect("an operation in flight");
        let (operation, epoch) = (current.id, current.epoch);
        let command = match report(self.clock.now()) {
            None => Command::Place {
                operation,
                epoch,
                node,
            },
            Some(report) => Command::Report {
                operation,
                epoch,
                node: Some(node),
                report,
            },
        };
        self.execute::<Workspace>(&workspace, &command).await;
        self.settle().await;
    }

    pub(crate) async fn state(&self, workspace: WorkspaceId) -> Workspace {
        let log = self.backbone.log.clone();
        Repository::<Workspace>::new(log)
            .load(&workspace)
            .await
            .unwrap()
            .state
    }

    pub(crate) fn view(&self, who: &Identity, workspace: WorkspaceId) -> WorkspaceView {
        self.app
            .queries()
            .workspace(who, &WorkspaceRef::Id(workspace))
            .unwrap()
    }

    /// Waits until the read model says so.
    pub(crate) async fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let looking = async {
            let mut projected = self.app.queries().projected();
            while !is_so() {
                tokio::select! {
                    changed = projected.changed() => changed.unwrap(),
                    () = tokio::task::yield_now() => {}
                }
            }
        };
        tokio::time::timeout(PATIENCE, looking)
            .await
            .unwrap_or_else(|_| panic!("{what}"));
    }

    /// Every held claim.
    pub(crate) async fn held(&self) -> Vec<String> {
        self.settle().await;
        let mut held = std::collections::BTreeMap::new();
        for sequence in 1..=self.backbone.log.info().await.unwrap().last_sequence {
            let event = self.backbone.log.get(sequence).await.unwrap().unwrap();
            let text = String::from_utf8(event.payload.to_vec()).unwrap();
            let id = event.subject.id().to_owned();
            if text.contains("nexus.claim.claimed.") {
                held.insert(id, ());
            } else if text.contains("nexus.claim.released.") {
                held.remove(&id);
            }
        }
        held.into_keys().collect()
    }

    /// Claims a name for a workspace that is never requested.
    pub(crate) async fn claim_only(&self, who: &Identity, name: &str) {
        let owner = who.user().unwrap();
        let id = ClaimId::Name {
            owner,
            name: name.parse().unwrap(),
        };
        let workspace = WorkspaceId::derived("never");
        let at = self.clock.now();
        self.execute::<Claim>(
            &id,
            &ClaimCommand::Claim {
                workspace,
                at,
                quarantine: jiff::SignedDuration::ZERO,
            },
        )
        .await;
        self.settle().await;
    }

    pub(crate) async fn execute<A: Aggregate>(&self, id: &A::Id, command: &A::Command) {
        append::<A>(&self.backbone, self.clock.now(), id, command).await;
    }
}

/// Appends what `command` decides to, whether or not a plane is there.
pub(crate) async fn append<A: Aggregate>(
    backbone: &Backbone,
    at: Timestamp,
    id: &A::Id,
    command: &A::Command,
) {
    let context = || Context {
        id: EventId::from_uuid(uuid::Uuid::now_v7()),
        at,
        actor: Actor::system("test"),
        correlation: CorrelationId::derived("test"),
        causation: None,
        traceparent: None,
    };
    let aggregates = Repository::<A>::new(backbone.log.clone());
    let known = aggregates.load(id).await.unwrap();
    let decide = |state: &A| state.decide(command);
    aggregates
        .execute(id, known, decide, context)
        .await
        .unwrap();
}

pub(crate) async fn start(settings: Settings, backbone: &Backbone, clock: &Clock) -> Plane {
    let options = Options {
        settings,
        backbone: backbone.clone(),
        clock: clock.clone(),
    };
    let plane = Plane::start(options).await.unwrap();
    plane.app().caught_up().await;
    plane
}

pub(crate) fn as_user(id: UserId) -> Identity {
    Identity::User {
        id,
        scope: Scope::User,
        token: TokenId::derived("test"),
    }
}

pub(crate) fn new_workspace(name: &str) -> NewWorkspace {
    let spec = WorkspaceSpec::on(Provider::Fake);
    NewWorkspace {
        name: name.parse().unwrap(),
        spec,
    }
}

pub(crate) fn registration(login: &str, account: u64) -> RegisterUserRequest {
    let key = public_key(account);
    RegisterUserRequest {
        github_username: login.parse().unwrap(),
        github_id: account,
        ssh_pubkey_fingerprint: fingerprint(&key),
        ssh_pubkey: key,
    }
}

/// A public key that is different for each number.
pub(crate) fn public_key(number: u64) -> String {
    use base64::Engine as _;
    let mut blob = Vec::new();
    let key = number.to_be_bytes().repeat(4);
    for part in [b"ssh-ed25519".as_slice(), &key] {
        blob.extend(u32::try_from(part.len()).unwrap().to_be_bytes());
        blob.extend(part);
    }
    format!(
        "ssh-ed25519 {}",
        base64::engine::general_purpose::STANDARD.encode(blob)
    )
}

pub(crate) fn fingerprint(key: &str) -> String {
    use base64::Engine as _;
    use sha2::Digest as _;
    let blob = key.split(' ').nth(1).unwrap();
    let blob = base64::engine::general_purpose::STANDARD
        .decode(blob)
        .unwrap();
    let digest = sha2::Sha256::digest(blob);
    format!(
        "SHA256:{}",
        base64::engine::general_purpose::STANDARD_NO_PAD.encode(digest)
    )
}
