//! After the faults: everything comes to rest and is looked at, is deleted, and is looked at again.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use nexus_events::id::WorkspaceId;
use nexus_events::workspace::Phase;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::census::Census;
use super::history::History;
use super::lives::Caller;
use super::run::say;
use super::scene::Scene;
use super::verdict::{self, Violation};

/// How long after the last fault everything may still be under way.
const GRACE: Duration = Duration::from_secs(30);
/// How long the deletion of everything may take.
const CLEARING: Duration = Duration::from_secs(120);

impl Scene {
    /// Lets everything come to rest, and looks; then deletes everything, and looks again.
    pub(super) async fn judge(&mut self) -> anyhow::Result<Vec<Violation>> {
        say("the faults are over");
        self.stop.send_replace(true);
        let mut violations = Vec::new();
        // What ended because the log was away may have yet to be started again.
        let lives = std::mem::take(&mut self.lives);
        for ended in self.kept_running(lives.join_all()).await? {
            // A client that was left without an answer for a minute is a violation of its own.
            if let Err(error) = ended {
                violations.push(Violation::of(format!("{error:#}")));
            }
        }
        if let Err(error) = self.replicas.log_is_whole().await {
            violations.push(Violation::of(format!("{error:#}")));
        }
        violations.extend(self.at_rest().await?);
        say("everything is deleted");
        violations.extend(self.delete_all().await?);
        violations.extend(self.at_rest().await?);
        for refused in self.ledger.refused() {
            // What every client knows of, every replica knows or says that it cannot tell; and
            // nothing that comes from outside is a fault inside.
            if refused.contains(": 404") || refused.contains(": 500") {
                violations.push(Violation::of(refused));
            }
        }
        Ok(violations)
    }

    /// Waits until the log and what is counted outside agree, for as long as that may take; what is
    /// wrong then is a violation.
    async fn at_rest(&mut self) -> anyhow::Result<Vec<Violation>> {
        let deadline = Instant::now() + GRACE;
        loop {
            self.keep_running()?;
            let violations = self.look().await?;
            if violations.is_empty() || Instant::now() > deadline {
                return Ok(violations);
            }
            sleep(Duration::from_millis(500)).await;
        }
    }

    async fn look(&self) -> anyhow::Result<Vec<Violation>> {
        let history = History::read(&self.replicas.log().await?).await?;
        let home = self.replicas.home();
        let census = Census::take(home, self.engine.as_ref(), &history.ids()).await?;
        let mut violations = verdict::operations(&history, &self.ledger.accepted());
        violations.extend(verdict::machines(&history, &census));
        Ok(violations)
    }

    /// What the log and every program say of the workspaces of these violations.
    pub(super) fn evidence(&mut self, history: &History, violations: &[Violation]) -> String {
        let words = violations.iter().map(ToString::to_string);
        let words: Vec<String> = words.collect();
        let ids = words.iter().flat_map(|text| text.split([' ', '/', ':']));
        let ids: BTreeSet<WorkspaceId> = ids.filter_map(|word| word.parse().ok()).collect();
        let mut lines = Vec::new();
        for workspace in ids {
            lines.push(format!("--- {workspace}"));
            lines.extend(history.told.get(&workspace).into_iter().flatten().cloned());
            for (target, member) in self.replicas.members() {
                let said = member.program.lines_with(&workspace.to_string());
                lines.extend(said.into_iter().map(|line| format!("{target}: {line}")));
            }
        }
        if !violations.is_empty() {
            lines.push(self.replicas.last_words());
        }
        lines.join("\n")
    }

    async fn delete_all(&mut self) -> anyhow::Result<Vec<Violation>> {
        let history = History::read(&self.replicas.log().await?).await?;
        let there = history
            .workspaces
            .iter()
            .filter(|(_, state)| !matches!(state.phase, Phase::Deleted | Phase::Absent));
        let caller = self.caller.clone();
        let deletions = there.map(|(workspace, _)| delete(&caller, *workspace));
        let ended = self.kept_running(join_all(deletions)).await?;
        Ok(ended.into_iter().flatten().collect())
    }

    /// Removes what a run that failed left in the engine.
    pub(super) async fn clear_the_engine(&self) -> anyhow::Result<()> {
        let Some(engine) = &self.engine else {
            return Ok(());
        };
        let history = History::read(&self.replicas.log().await?).await?;
        let ours: BTreeSet<WorkspaceId> = history.ids();
        for container in engine.labelled_containers().await? {
            if ours.contains(&container.workspace) {
                engine.remove(&container.id).await?;
            }
        }
        Ok(())
    }
}

/// Until it is gone; a delete that fails is asked for again.
async fn delete(caller: &Caller, workspace: WorkspaceId) -> Option<Violation> {
    let deadline = Instant::now() + CLEARING;
    let mut last = String::new();
    for turn in 0.. {
        if Instant::now() > deadline {
            break;
        }
        let path = format!("/api/v1/workspaces/{workspace}/delete");
        let key = format!("clear-{workspace}-{turn}");
        match caller.ask(&path, &key, &json!({})).await {
            Ok(Some(accepted)) => match accepted.operation {
                None => return None,
                Some(operation) => match caller.ended(operation, CLEARING).await {
                    Some(view) if view.failure.is_none() => return None,
                    Some(view) => last = format!("{:?}", view.failure),
                    None => last = format!("{operation} has not ended"),
                },
            },
            // Gone already.
            Ok(None) => return None,
            Err(error) => last = format!("{error:#}"),
        }
    }
    Some(Violation::of(format!(
        "{workspace} cannot be deleted: {last}"
    )))
}
