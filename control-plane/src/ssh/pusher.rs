//! Keeps every init up to date on who may log in: told at once by events, and again by a look
//! every so often at what a lost node or a restart of ours left unsaid.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use nexus_events::id::{UserId, WorkspaceId};
use nexus_events::node::NodeStatus;
use tokio::task::{Id, JoinSet};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::post_start;
use super::push::{Push, PushError};
use crate::chain;
use crate::hub::{Hub, Subscription, TailEvent, TailItem};
use crate::identity::Identity;
use crate::queries::{EventQuery, QueryError};

/// How often it is looked for what is left unsaid.
const LOOK: Duration = Duration::from_secs(10);
/// The pause before listening again when that failed.
const PAUSE: Duration = Duration::from_millis(200);

/// What an event calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Calls {
    /// For this workspace to be told.
    Workspace(WorkspaceId),
    /// For this one to be told, and its owner's script to be run.
    Ready(WorkspaceId),
    /// For every workspace of the user to be told.
    User(UserId),
    /// For a look at everything.
    Look,
    /// For nothing.
    Nothing,
}

/// The task that keeps inits up to date.
#[derive(Debug)]
pub(crate) struct Pusher {
    push: Push,
    hub: Hub,
    /// Inits being told, and scripts being run.
    under_way: JoinSet<()>,
    /// Which workspace a task tells, and whether it has to be told once more after that.
    telling: HashMap<WorkspaceId, bool>,
    tasks: HashMap<Id, WorkspaceId>,
}

impl Pusher {
    pub(super) fn new(push: Push, hub: Hub) -> Self {
        Self {
            push,
            hub,
            under_way: JoinSet::new(),
            telling: HashMap::new(),
            tasks: HashMap::new(),
        }
    }

    /// Runs until told to stop.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut after = self.push.source.queries.sequence();
        // Whoever becomes ready from here on is told of by an event.
        self.make_up_for_scripts();
        loop {
            let Ok(mut events) = self.subscribe(after) else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    item = events.next() => match item {
                        Ok(TailItem::Event(event)) => self.answer(&event),
                        Ok(TailItem::CaughtUp { .. }) => {}
                        Ok(TailItem::Ended) => return,
                        // Whatever was missed is found by looking.
                        Ok(TailItem::Cut { .. }) | Err(_) => break self.look(),
                    },
                    Some(ended) = self.under_way.join_next_with_id() => {
                        let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
                        self.ended(id);
                    }
                    _ = looks.tick() => self.look(),
                }
            }
            after = events.position();
        }
    }

    fn subscribe(&self, after: u64) -> Result<Subscription, QueryError> {
        let query = EventQuery {
            after: Some(after),
            ..EventQuery::default()
        };
        self.hub.subscribe(&Identity::Operator, &query)
    }

    fn answer(&mut self, event: &TailEvent) {
        match calls(event) {
            Calls::Workspace(workspace) => self.tell(workspace),
            Calls::Ready(workspace) => {
                self.tell(workspace);
                self.run_script(workspace);
            }
            Calls::User(user) => match self.push.source.queries.workspace_ids_of(user) {
                Ok(workspaces) => workspaces.into_iter().for_each(|id| self.tell(id)),
                Err(error) => warn(&error),
            },
            Calls::Look => self.look(),
            Calls::Nothing => {}
        }
    }

    /// Tells every workspace that has not been told all, but for those of nodes that are away.
    fn look(&mut self) {
        match self.untold() {
            Ok(workspaces) => workspaces.into_iter().for_each(|id| self.tell(id)),
            Err(error) => warn(&error),
        }
    }

    /// Runs the scripts of starts that ended while this server was away.
    fn make_up_for_scripts(&mut self) {
        let placed = self.push.source.queries.placed_workspaces();
        let due = placed.map_err(PushError::from).and_then(|placed| {
            let mut due = Vec::new();
            for (workspace, _) in placed {
                due.extend(post_start::due(&self.push, workspace)?.map(|_| workspace));
            }
            Ok(due)
        });
        match due {
            Ok(due) => due.into_iter().for_each(|id| self.run_script(id)),
            Err(error) => warn(&error),
        }
    }

    fn run_script(&mut self, workspace: WorkspaceId) {
        let running = post_start::run(self.push.clone(), workspace);
        self.under_way.spawn(running);
    }

    fn untold(&self) -> Result<Vec<WorkspaceId>, PushError> {
        let queries = &self.push.source.queries;
        let nodes = queries.database.read(crate::queries::all_nodes)?;
        let is_away = |status: NodeStatus| matches!(status, NodeStatus::Lost | NodeStatus::Left);
        let away: HashSet<_> = nodes
            .into_iter()
            .filter(|(_, node)| is_away(node.state.status))
            .map(|(id, _)| id)
            .collect();
        let placed = queries.placed_workspaces()?;
        let workspaces = placed.iter().map(|(workspace, _)| *workspace).collect();
        self.push.remember_only(&workspaces);
        let mut untold = Vec::new();
        for (workspace, node) in placed {
            if !away.contains(&node) && !self.push.is_done(workspace)? {
                untold.push(workspace);
            }
        }
        Ok(untold)
    }

    /// Tells a workspace, or, when it is being told, once more after that.
    fn tell(&mut self, workspace: WorkspaceId) {
        if let Some(again) = self.telling.get_mut(&workspace) {
            *again = true;
            return;
        }
        let push = self.push.clone();
        let task = self.under_way.spawn(async move {
            if let Err(error) = push.say(workspace).await {
                let cause = chain::text(&error);
                tracing::debug!(%workspace, cause, "not told yet");
            }
        });
        self.telling.insert(workspace, false);
        self.tasks.insert(task.id(), workspace);
    }

    fn ended(&mut self, id: Id) {
        let Some(workspace) = self.tasks.remove(&id) else {
            return;
        };
        if self.telling.remove(&workspace) == Some(true) {
            self.tell(workspace);
        }
    }
}

fn warn(error: &(dyn std::error::Error + 'static)) {
    tracing::warn!(error, "who may log in is looked at again soon");
}

fn calls(event: &TailEvent) -> Calls {
    let about = |event: &TailEvent| event.view().event["subject"].as_str().map(str::to_owned);
    let workspace = || about(event)?.parse().ok();
    // By the name without the version: what is told is read from the read model, not from here.
    let name = event.event_type.rsplit_once(".v").map(|(name, _)| name);
    let called = match name.unwrap_or_default() {
        "nexus.workspace.machine_ready" => workspace().map(Calls::Workspace),
        "nexus.workspace.ready" => workspace().map(Calls::Ready),
        "nexus.user.key_added"
        | "nexus.user.key_removed"
        | "nexus.user.token_revoked"
        | "nexus.user.certificate_issued"
        | "nexus.user.credentials_changed"
        | "nexus.user.erased" => about(event)
            .and_then(|user| user.parse().ok())
            .map(Calls::User),
        "nexus.node.joined" | "nexus.node.returned" => Some(Calls::Look),
        _ => None,
    };
    called.unwrap_or(Calls::Nothing)
}
