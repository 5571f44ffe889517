//! Following an operation to its end, by its events.

use std::time::Duration;

use nexus_events::failure::{Failure, FailureCode};
use nexus_events::id::OperationId;
use nexus_events::upcast;
use nexus_events::view::{EventView, OperationState, OperationView};
use nexus_events::workspace::WorkspaceEvent;

use crate::clean::clean;
use crate::client::{Client, Request};
use crate::context::Context;
use crate::duration;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::progress::{Change, Progress};
use crate::render::kind_text;
use crate::tail::{Filter, Item, Tail};

/// Follows `operation` until it ended, however it did. Events up to `sequence` are taken as known
/// to the server's read model, which waits for them.
///
/// # Errors
/// It takes longer than `timeout`, Ctrl-C, or the server is gone. The operation goes on.
pub(crate) async fn to_the_end(
    context: &Context,
    client: &Client,
    operation: OperationId,
    sequence: Option<u64>,
    timeout: Duration,
) -> Result<OperationView> {
    let view = read(client, operation, sequence).await?;
    if view.state != OperationState::InFlight {
        return Ok(view);
    }
    let title = format!("{} {}", kind_text(view.kind), view.workspace_name);
    let mut progress = Progress::begin(context, operation, &title);
    for change in view.steps.iter().flat_map(Change::known) {
        progress.show(&change);
    }
    let what = format!("wait for the end of {title}");
    let next = format!("nexus operation wait {operation}");
    let goes_on = |exit, why: String| {
        let why = format!("{why}; the operation goes on");
        Error::new(exit, &what, why, &next)
    };
    let end = tokio::select! {
        end = follow(client, &view, &mut progress) => end?,
        () = tokio::time::sleep(timeout) => {
            let limit = duration::show(timeout.as_millis().try_into().unwrap_or(u64::MAX));
            return Err(goes_on(Exit::NotReady, format!("it has not ended after {limit}")));
        }
        _ = tokio::signal::ctrl_c() => {
            return Err(goes_on(Exit::Interrupted, "interrupted by Ctrl-C".into()));
        }
    };
    drop(progress);
    read(client, operation, Some(end)).await
}

/// The operation, as of `sequence` at least.
pub(crate) async fn read(
    client: &Client,
    operation: OperationId,
    sequence: Option<u64>,
) -> Result<OperationView> {
    let path = format!("/api/v1/operations/{operation}");
    let request =
        Request::get(format!("read operation {operation}"), path).maybe("min_seq", sequence);
    client.send(&request).await
}

/// Shows every change of the operation; the sequence of the event that ended it.
async fn follow(client: &Client, view: &OperationView, progress: &mut Progress) -> Result<u64> {
    let filter = Filter {
        workspace: Some(view.workspace.to_string()),
        ..Filter::default()
    };
    let mut tail = Tail::new(client.clone(), filter, view.sequence);
    loop {
        let Item::Event(event) = tail.next().await? else {
            continue;
        };
        let Some(change) = change(&event, view.id) else {
            continue;
        };
        progress.show(&change);
        if matches!(change, Change::Finished { .. }) {
            return Ok(event.sequence);
        }
    }
}

/// What `event` means for the operation. An event of a newer server that this version cannot
/// read is passed over: its end comes as one it can.
fn change(event: &EventView, operation: OperationId) -> Option<Change> {
    let bytes = serde_json::to_vec(&event.event).ok()?;
    let envelope = upcast::decode::<WorkspaceEvent>(&bytes).ok()?;
    Change::of(envelope.data, operation)
}

/// How the command ends that waited for `view`.
///
/// # Errors
/// The operation failed, or gave way to a newer one.
pub(crate) fn outcome(view: &OperationView) -> Result<()> {
    let what = format!("{} workspace {}", kind_text(view.kind), view.workspace_name);
    let status = format!("nexus workspace status {}", view.workspace_name);
    match (view.state, &view.failure) {
        (OperationState::Succeeded, _) => Ok(()),
        (OperationState::Failed, Some(failure)) => Err(failed(what, failure, &status)),
        (OperationState::Failed, None) => Err(Error::new(
            Exit::Failure,
            what,
            "the server does not say",
            status,
        )),
        (OperationState::Superseded, _) => {
            let why = "a newer request took its place";
            Err(Error::new(Exit::Conflict, what, why, status))
        }
        (OperationState::InFlight, _) => {
            let next = format!("nexus operation wait {}", view.id);
            Err(Error::new(
                Exit::NotReady,
                what,
                "it has not ended yet",
                next,
            ))
        }
    }
}

fn failed(what: String, failure: &Failure, status: &str) -> Error {
    let exit = match failure.code == FailureCode::Timeout {
        true => Exit::NotReady,
        false => Exit::Failure,
    };
    let code = serde_json::to_value(failure.code).unwrap_or_default();
    let code = code.as_str().unwrap_or("INTERNAL_ERROR");
    let step = failure.step.as_ref().map(|step| format!("step {step}: "));
    let why = format!(
        "{}{} ({code})",
        step.unwrap_or_default(),
        clean(&failure.cause)
    );
    let next = match failure.hint.is_empty() {
        true => status.to_owned(),
        false => clean(&failure.hint),
    };
    Error::new(exit, what, why, next)
}
