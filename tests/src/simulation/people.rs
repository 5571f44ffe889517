//! The people: what they ask for, at which control plane, and what they are told.

use std::time::Duration;

use base64::Engine as _;
use jiff::SignedDuration;
use nexus_control_plane::app::App;
use nexus_control_plane::commands::{CommandError, RequestContext};
use nexus_control_plane::identity::Identity;
use nexus_control_plane::queries::WorkspaceRef;
use nexus_events::id::{OperationId, TokenId, UserId};
use nexus_events::name::WorkspaceName;
use nexus_events::problem::Problem;
use nexus_events::spec::{Provider, Repository, ServiceSpec, WorkspaceSpec};
use nexus_events::user::Scope;
use nexus_events::view::{NewWorkspace, RegisterUserRequest};
use nexus_events::workspace::ActivitySource;
use sha2::Digest as _;

use super::script::{Ask, Name};

/// How long somebody waits for an answer to a request.
const PATIENCE: Duration = Duration::from_secs(30);

/// What somebody was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// It was accepted; this operation brings it about, where there is one.
    Accepted(Option<OperationId>),
    /// It was refused, and this is the code.
    Refused(String),
    /// Nobody knows whether it was accepted: to be asked again, under the same key.
    InDoubt(String),
}

/// Somebody with a token.
pub(super) fn somebody(user: UserId) -> Identity {
    Identity::User {
        id: user,
        scope: Scope::User,
        token: TokenId::derived("simulation"),
    }
}

/// Asks for something, under a key of its own.
pub(super) async fn ask(app: App, who: Identity, ask: Ask, name: Name, key: String) -> Told {
    let asking = request(&app, &who, ask, name, key);
    let answer = match tokio::time::timeout(PATIENCE, asking).await {
        Ok(answer) => answer,
        Err(_) => return Told::InDoubt("no answer".into()),
    };
    match answer {
        Ok(operation) => Told::Accepted(operation),
        Err(error) => {
            let code = Problem::from(error).code;
            match code.status() >= 500 {
                true => Told::InDoubt(format!("{code:?}")),
                false => Told::Refused(format!("{code:?}")),
            }
        }
    }
}

async fn request(
    app: &App,
    who: &Identity,
    ask: Ask,
    name: Name,
    key: String,
) -> Result<Option<OperationId>, CommandError> {
    let context = RequestContext::new(app.now());
    let context = match key.parse() {
        Ok(key) => context.with_key(key),
        Err(_) => context,
    };
    let commands = app.commands();
    let workspace = WorkspaceRef::Name(workspace_name(name));
    Ok(match ask {
        Ask::Create => {
            let wanted = NewWorkspace {
                name: workspace_name(name),
                spec: spec(name),
            };
            let created = commands
                .create_workspace(who, wanted, None, &context)
                .await?;
            Some(created.operation)
        }
        Ask::Start => {
            let accepted = commands.start_workspace(who, &workspace, &context).await?;
            accepted.operation
        }
        Ask::Stop => {
            let accepted = commands.stop_workspace(who, &workspace, &context).await?;
            accepted.operation
        }
        Ask::Delete => {
            let accepted = commands.delete_workspace(who, &workspace, &context).await?;
            accepted.operation
        }
        Ask::Hold => {
            let until = app.now() + SignedDuration::from_secs(40);
            let hold = (None, Some(until));
            let held = commands.place_hold(who, &workspace, hold_name(), hold, &context);
            held.await.map(|_| None)?
        }
        Ask::Release => {
            let released = commands.release_hold(who, &workspace, hold_name(), &context);
            released.await.map(|_| None)?
        }
        Ask::Use => {
            let source = ActivitySource::Terminal;
            let used = commands.observe_activity(who, &workspace, source, &context);
            used.await.map(|_| None)?
        }
    })
}

pub(super) fn workspace_name(name: Name) -> WorkspaceName {
    name.to_string()
        .parse()
        .expect("a literal that keeps the rule of names")
}

fn hold_name() -> nexus_events::name::HoldName {
    "busy"
        .parse()
        .expect("a literal that keeps the rule of names")
}

/// What is asked for under a name.
fn spec(name: Name) -> WorkspaceSpec {
    let mut spec = WorkspaceSpec::on(Provider::Fake);
    spec.idle.after_seconds = match name {
        Name::App => Some(30),
        Name::Lab => None,
        Name::Web => Some(60),
    };
    if name != Name::Lab {
        spec.repository = Some(Repository {
            owner: "acme"
                .parse()
                .expect("a literal that keeps the rule of owners"),
            name: "hello"
                .parse()
                .expect("a literal that keeps the rule of names"),
            url: "https://github.com/acme/hello.git"
                .parse()
                .expect("a literal that is a URL"),
            branch: None,
        });
    }
    if name == Name::Web {
        let service = ServiceSpec {
            command: "serve".into(),
            port: Some(8080),
            depends_on: Vec::new(),
            health_check: None,
            restart: Default::default(),
        };
        let called = "api"
            .parse()
            .expect("a literal that keeps the rule of names");
        spec.services.insert(called, service);
    }
    spec
}

/// The request by which the n-th user is made known.
pub(super) fn registration(user: usize) -> anyhow::Result<RegisterUserRequest> {
    let number = user as u64 + 1;
    let mut blob = Vec::new();
    for part in [b"ssh-ed25519".as_slice(), &number.to_be_bytes().repeat(4)] {
        blob.extend(u32::try_from(part.len())?.to_be_bytes());
        blob.extend(part);
    }
    let standard = base64::engine::general_purpose::STANDARD;
    let bare = base64::engine::general_purpose::STANDARD_NO_PAD;
    Ok(RegisterUserRequest {
        github_username: format!("user{user}").parse()?,
        github_id: number,
        ssh_pubkey: format!("ssh-ed25519 {}", standard.encode(&blob)),
        ssh_pubkey_fingerprint: format!("SHA256:{}", bare.encode(sha2::Sha256::digest(&blob))),
    })
}
