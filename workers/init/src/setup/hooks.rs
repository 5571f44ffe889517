//! The user's own commands at fixed points of the set-up.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use nexus_init_protocol::report::StepDetail;
use nexus_init_protocol::{CommandLine, Hooks, SetupPlan, StepName};

use super::command::StepCommand;
use super::config::RepositoryConfig;
use super::{StepError, StepResult, failure};
use crate::context::argv_of;
use crate::workspace::Workspace;

/// In the state directory once the commands of a new clone have run.
const CREATED: &str = "post-create-done";

/// The plan's hooks, then the repository's.
pub(super) fn all(plan: &SetupPlan, config: Option<&RepositoryConfig>) -> Hooks {
    let mut hooks = plan.hooks.clone();
    if let Some(config) = config {
        hooks.post_create.extend(config.hooks.post_create.clone());
        hooks.post_start.extend(config.hooks.post_start.clone());
    }
    hooks
}

/// Runs one after the other and stops at the first that fails.
pub(super) async fn run(workspace: &Arc<Workspace>, plan: &SetupPlan, hooks: Hooks) -> StepResult {
    let created = workspace.state.join(CREATED);
    let limit = Duration::from_millis(plan.timeouts.hook_ms);
    let mut count = 0;
    if !created.exists() {
        for hook in &hooks.post_create {
            run_one(workspace, "post_create", hook, limit).await?;
            count += 1;
        }
        let noted = fs::write(&created, b"");
        noted.map_err(|error| failure("internal", format!("noting that hooks ran: {error}")))?;
    }
    for hook in &hooks.post_start {
        run_one(workspace, "post_start", hook, limit).await?;
        count += 1;
    }
    Ok(StepDetail {
        note: Some(format!("{count} commands")),
        ..StepDetail::default()
    })
}

async fn run_one(
    workspace: &Arc<Workspace>,
    point: &str,
    hook: &CommandLine,
    limit: Duration,
) -> Result<(), StepError> {
    let shown = match hook {
        CommandLine::Shell(text) => text.clone(),
        CommandLine::Argv(argv) => argv.join(" "),
    };
    let command = StepCommand {
        step: StepName::Hooks,
        argv: argv_of(hook),
        env: BTreeMap::new(),
        limit,
    };
    let ended = command.run(workspace).await?;
    match ended.outcome.is_success() {
        true => Ok(()),
        false => {
            let what = format!("{point} hook {shown:?}");
            let error = ended.into_failure("hook_failed", &what, limit);
            Err(error.hint("correct the hook, or run it in the workspace by hand"))
        }
    }
}
