//! Progress for logs and programs: one line a change, `step=clone state=done seconds=3.1`.

use nexus_events::id::OperationId;
use serde::Serialize;

use super::Change;
use crate::clean::clean;
use crate::out;
use crate::render::state_text;

/// Writes a line for each change.
pub(crate) struct Lines {
    operation: OperationId,
    json: bool,
}

/// A line, before it is written in either form.
#[derive(Debug, Default, Serialize)]
struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl Lines {
    pub(crate) const fn new(operation: OperationId, json: bool) -> Self {
        Self { operation, json }
    }

    pub(crate) fn show(&self, change: &Change) {
        out::say(&self.text(change));
    }

    /// The line for `change`.
    pub(super) fn text(&self, change: &Change) -> String {
        let line = self.line(change);
        match self.json {
            true => serde_json::to_string(&line).expect("a line is plain data"),
            false => line.plain(),
        }
    }

    fn line(&self, change: &Change) -> Line {
        let whole = |state| Line {
            operation: Some(self.operation.to_string()),
            state,
            ..Line::default()
        };
        match change {
            Change::Placed { node } => Line {
                node: Some(node.to_string()),
                ..whole("placed")
            },
            Change::Started { step } => Line {
                step: Some(step.to_string()),
                state: "started",
                ..Line::default()
            },
            Change::Ended {
                step,
                ok,
                duration_ms,
                detail,
            } => Line {
                step: Some(step.to_string()),
                state: if *ok { "done" } else { "failed" },
                seconds: Some(*duration_ms as f64 / 1000.0),
                detail: detail.as_deref().map(clean),
                ..Line::default()
            },
            Change::Finished { state } => whole(state_text(*state)),
        }
    }
}

impl Line {
    fn plain(&self) -> String {
        let seconds = self.seconds.map(|seconds| match seconds < 1.0 {
            true => format!("{seconds:.3}"),
            false => format!("{seconds:.1}"),
        });
        let detail = self.detail.as_ref().map(|detail| format!("{detail:?}"));
        [
            ("operation", self.operation.clone()),
            ("step", self.step.clone()),
            ("state", Some(self.state.to_owned())),
            ("seconds", seconds),
            ("node", self.node.clone()),
            ("detail", detail),
        ]
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| format!("{name}={value}")))
        .collect::<Vec<_>>()
        .join(" ")
    }
}
