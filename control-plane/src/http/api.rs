//! What every route holds: the handle on the control plane, and the things of HTTP beside it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use nexus_events::id::UserId;
use nexus_events::problem::ProblemCode;
use nexus_events::view::WorkspaceView;
use nexus_nats::StepLogs;
use tokio_util::sync::CancellationToken;
use utoipa::openapi::OpenApi;

use super::attempts::Attempts;
use super::auth::{HostNames, Token, unknown};
use super::documents::Documents;
use super::error::Refusal;
use super::pace::Pace;
use super::routes::workspace_ref;
use super::sockets::Sockets;
use super::standing::{Doorman, Standing};
use super::tail::Tail;
use crate::app::App;
use crate::commands::Commands;
use crate::identity::Identity;
use crate::preview::Previews;
use crate::queries::{EventQuery, Queries, Remembered, TOKEN_PREFIX, WorkspaceRef};
use crate::tickets::Tickets;

/// How long a read waits for the event its caller wants to see.
const MIN_SEQ_WAIT: Duration = Duration::from_secs(5);

/// How long an answer may wait for the read model to come up to the log.
const CATCH_UP_WAIT: Duration = Duration::from_secs(1);

/// What every route holds. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    parts: Arc<Parts>,
}

#[derive(Debug)]
struct Parts {
    app: App,
    hosts: HostNames,
    shutdown: CancellationToken,
    sockets: Sockets,
    terminals: Sockets,
    pace: Pace,
    attempts: Attempts,
    tickets: Tickets<Identity>,
    doorman: Doorman,
    previews: Previews,
    documents: Documents,
    /// How workspaces stand, as it is sent, by who asks and how they name them.
    statuses: Remembered<(Option<UserId>, bool, WorkspaceRef), Bytes>,
}

impl Api {
    /// The API of `app`, under the names `hosts`, until `shutdown`. Needs a runtime.
    pub(super) fn new(
        app: App,
        hosts: HostNames,
        shutdown: CancellationToken,
        document: OpenApi,
    ) -> Self {
        let (hub, queries) = (app.hub().clone(), app.queries().clone());
        let doorman = Doorman::start(hub, queries, shutdown.clone());
        let parts = Parts {
            previews: Previews::new(app.clone(), doorman.clone(), shutdown.clone()),
            doorman,
            sockets: Sockets::tails(),
            terminals: Sockets::streams(),
            pace: Pace::default(),
            attempts: Attempts::default(),
            tickets: app.tickets("web-socket"),
            documents: Documents::of(document),
            app,
            hosts,
            shutdown,
            statuses: Remembered::default(),
        };
        Self {
            parts: Arc::new(parts),
        }
    }

    pub(super) fn app(&self) -> &App {
        &self.parts.app
    }

    pub(super) fn queries(&self) -> &Queries {
        self.parts.app.queries()
    }

    pub(super) fn commands(&self) -> &Commands {
        self.parts.app.commands()
    }

    pub(super) fn previews(&self) -> &Previews {
        &self.parts.previews
    }

    pub(super) fn hosts(&self) -> &HostNames {
        &self.parts.hosts
    }

    pub(super) fn shutdown(&self) -> &CancellationToken {
        &self.parts.shutdown
    }

    pub(super) fn pace(&self) -> &Pace {
        &self.parts.pace
    }

    pub(super) fn attempts(&self) -> &Attempts {
        &self.parts.attempts
    }

    pub(super) fn tickets(&self) -> &Tickets<Identity> {
        &self.parts.tickets
    }

    pub(super) fn terminals(&self) -> &Sockets {
        &self.parts.terminals
    }

    /// How `identity` stands from now on.
    pub(super) fn standing(&self, identity: &Identity) -> Standing {
        self.parts.doorman.standing(identity)
    }

    pub(super) fn sockets(&self) -> &Sockets {
        &self.parts.sockets
    }

    pub(super) fn documents(&self) -> &Documents {
        &self.parts.documents
    }

    /// Whose token it is.
    pub(super) async fn bearer(&self, token: &Token) -> Result<Identity, Refusal> {
        let known = || self.queries().identify(token.text(), self.app().now());
        let mut identity = known()?;
        // Another replica may have issued it a moment ago.
        if identity.is_none() && is_spelled_as_ours(token) {
            self.caught_up().await?;
            identity = known()?;
        }
        identity.ok_or_else(|| {
            unknown(
                "Authorization",
                "the token is nobody's: never issued, revoked, or over",
                "ask for a new one: `curl --unix-socket ~/.nexus/daemon.sock -X POST \
                 -H 'Content-Type: application/json' -d '{\"user\":\"USER-ID\"}' \
                 http://localhost/api/v1/tokens`",
            )
        })
    }

    /// Whose ticket it is. It counts no more afterwards.
    pub(super) async fn ticket(&self, text: &str) -> Result<Identity, Refusal> {
        let redeemed = self.tickets().redeem(text, self.app().now()).await;
        match redeemed.map_err(Refusal::log_unavailable)? {
            Some(identity) if self.in_standing(&identity)? => Ok(identity),
            Some(_) | None => Err(unknown(
                "Sec-WebSocket-Protocol",
                "the ticket counts no more: it was used, or is older than 30 seconds",
                "take a new one with `POST /api/v1/tickets`",
            )),
        }
    }

    /// Whether what `identity` came with still lets it in.
    fn in_standing(&self, identity: &Identity) -> Result<bool, Refusal> {
        match identity {
            Identity::Operator => Ok(true),
            Identity::User { token, .. } => {
                let end = self.queries().token_end(*token)?;
                Ok(end.is_some_and(|end| end.is_none_or(|end| end > self.app().now())))
            }
        }
    }

    /// Asks, and where nothing was found asks once more when everything stored is projected: who
    /// was just told of a workspace is not told that there is none.
    pub(super) async fn sure<T, E, F>(&self, ask: impl Fn() -> F) -> Result<T, Refusal>
    where
        F: Future<Output = Result<T, E>>,
        Refusal: From<E>,
    {
        let answer = ask().await.map_err(Refusal::from);
        match answer {
            Err(refusal) if refusal.problem().code == ProblemCode::NotFound => {
                self.caught_up().await?;
                // Also where it was not behind by now: it may have been when it was asked.
                Ok(ask().await?)
            }
            answer => answer,
        }
    }

    /// Waits until the read model has everything the log has by now.
    ///
    /// # Errors
    /// When that takes too long or cannot be told: what is not known here may be known to another
    /// replica.
    async fn caught_up(&self) -> Result<(), Refusal> {
        let freshness = self.queries().freshness().await;
        match freshness.log_sequence {
            Some(last) => {
                let waited = self.queries().wait_for(last, CATCH_UP_WAIT).await;
                waited.map_err(Refusal::log_unavailable)
            }
            None => Err(Refusal::log_unavailable(anyhow::anyhow!(
                "whether the read model is behind the log cannot be told"
            ))),
        }
    }

    /// Waits until what was just written is in force here, for as long as is bearable.
    pub(super) async fn in_force(&self, sequence: u64) {
        if let Err(error) = self.queries().wait_for(sequence, CATCH_UP_WAIT).await {
            tracing::warn!(%error, "a write is answered before it is in force");
        }
    }

    /// Waits until the event a caller wants to see is in the answer.
    pub(super) async fn visible(&self, min_seq: Option<u64>) -> Result<(), Refusal> {
        match min_seq {
            Some(sequence) => Ok(self.queries().wait_for(sequence, MIN_SEQ_WAIT).await?),
            None => {
                self.queries().catch_up_with_own_writes().await;
                Ok(())
            }
        }
    }

    /// A tail of what `identity` may see, for as long as they may.
    pub(super) fn tail(&self, identity: &Identity, query: &EventQuery) -> Result<Tail, Refusal> {
        // The standing first: a revocation between the two is heard then.
        let standing = self.standing(identity);
        let subscription = self.app().hub().subscribe(identity, query)?;
        Ok(Tail::new(subscription, standing, self.shutdown().clone()))
    }

    /// The workspace a path names, if `identity` may see it.
    pub(super) async fn workspace(
        &self,
        identity: &Identity,
        text: &str,
    ) -> Result<WorkspaceView, Refusal> {
        let workspace = workspace_ref(text)?;
        self.sure(|| std::future::ready(self.queries().workspace(identity, &workspace)))
            .await
    }

    /// How a workspace stands, as JSON. It is written once and sent until the next event.
    pub(super) fn status(
        &self,
        identity: &Identity,
        workspace: &WorkspaceRef,
    ) -> Result<Bytes, Refusal> {
        let queries = self.queries();
        let asker = (identity.user(), identity.is_admin(), workspace.clone());
        let ask = || {
            let status = queries.workspace_status(identity, workspace)?;
            let json = serde_json::to_vec(&status).map_err(Refusal::internal)?;
            Ok(Bytes::from(json))
        };
        self.parts.statuses.or_ask(queries.sequence(), asker, ask)
    }

    /// The output of steps.
    pub(super) fn step_logs(&self) -> Result<StepLogs, Refusal> {
        self.app().logs().cloned().ok_or_else(no_bus)
    }
}

fn is_spelled_as_ours(token: &Token) -> bool {
    token.text().starts_with(TOKEN_PREFIX)
}

fn no_bus() -> Refusal {
    Refusal::new(
        ProblemCode::LogUnavailable,
        "this server keeps its log in memory and has no bus",
        "start it with one: `nexusd daemon`",
    )
}
