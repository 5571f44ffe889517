//! What is asked about: a workspace, an operation or an event, and which part of the log tells.

use nexus_events::audit::Entry;
use nexus_events::audit::causes::About;
use nexus_events::id::{EventId, OperationId, WorkspaceId};
use nexus_events::upcast::AnyEvent;
use nexus_events::workspace::WorkspaceEvent;

use super::WHAT;
use crate::commands::workspace::find;
use crate::error::Result;
use crate::exit::Exit;
use crate::history::{History, WHOLE};

/// What is asked about.
#[derive(Debug)]
pub(in crate::commands) struct Subject {
    /// Which of the causes.
    pub(in crate::commands) about: About,
    /// The workspace whose events tell all of it; `None`: the whole log.
    pub(in crate::commands) workspace: Option<String>,
    /// What that workspace is called in requests.
    pub(in crate::commands) names: Vec<String>,
}

/// What `text` means in this log.
pub(in crate::commands) async fn subject(history: &History, text: &str) -> Result<Subject> {
    let about = if let Ok(operation) = text.parse::<OperationId>() {
        About::Operation(operation)
    } else if let Ok(event) = text.parse::<EventId>() {
        About::Event(event)
    } else if let Ok(sequence) = text.parse::<u64>() {
        About::Sequence(sequence)
    } else {
        let id = workspace(history, text).await?;
        return Ok(Subject {
            about: About::All,
            names: [Some(text.to_owned()), id.clone()]
                .into_iter()
                .flatten()
                .collect(),
            // Without one nothing is found, which is told.
            workspace: Some(id.unwrap_or_else(|| text.to_owned())),
        });
    };
    let workspace = workspace_where(history, |entry| is_meant(entry, about)).await?;
    Ok(Subject {
        about,
        workspace,
        names: Vec::new(),
    })
}

/// The id of the workspace called `text`: one that is there, else the last one that was.
pub(in crate::commands) async fn workspace(
    history: &History,
    text: &str,
) -> Result<Option<String>> {
    if text.parse::<WorkspaceId>().is_ok() {
        return Ok(Some(text.to_owned()));
    }
    let name = crate::reference::workspace(text)?;
    if let Some(client) = history.server() {
        match find(client, name, None).await {
            Ok(view) => return Ok(Some(view.id.to_string())),
            // A deleted one has no name any more; the log still has it.
            Err(error) if error.exit == Exit::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    workspace_where(history, |entry| is_called(entry, name)).await
}

/// The workspace of the last event `is_meant` takes.
async fn workspace_where(
    history: &History,
    is_meant: impl Fn(&Entry) -> bool,
) -> Result<Option<String>> {
    let mut found = None;
    let all = history.entries(WHAT, &WHOLE, |entry| {
        if is_meant(&entry) {
            found = entry.workspace();
        }
        Ok(())
    });
    all.await?;
    Ok(found.map(|id| id.to_string()))
}

fn is_meant(entry: &Entry, about: About) -> bool {
    match about {
        About::All => false,
        About::Operation(operation) => entry.operation() == Some(operation),
        About::Event(id) => entry.id() == id,
        About::Sequence(sequence) => entry.sequence == sequence,
    }
}

fn is_called(entry: &Entry, wanted: &str) -> bool {
    let AnyEvent::Workspace(event) = &entry.event else {
        return false;
    };
    matches!(&event.data, WorkspaceEvent::Requested { name, .. } if name.as_str() == wanted)
}
