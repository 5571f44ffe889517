//! Operations: what was accepted, how it goes, how it ended.

use jiff::Timestamp;
use nexus_events::view::{Accepted, OperationState, OperationView};
use nexus_events::workspace::OperationKind;

use super::{Row, Show, facts};
use crate::duration;
use crate::screen::Screen;
use crate::waterfall::Waterfall;

impl Row for OperationView {
    const HEADINGS: &'static [&'static str] = &[
        "OPERATION",
        "WORKSPACE",
        "KIND",
        "STATE",
        "REQUESTED",
        "TOOK",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.workspace_name.to_string(),
            kind_text(self.kind).into(),
            state_text(self.state).into(),
            format!("{:.0}", self.requested_at),
            self.duration_ms.map_or(String::new(), duration::show),
        ]
    }

    fn name(&self) -> String {
        self.id.to_string()
    }
}

impl Show for OperationView {
    fn table(&self, screen: &Screen) -> String {
        Waterfall::of(self, Timestamp::now()).draw(screen)
    }

    fn names(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }
}

impl Show for Accepted {
    fn table(&self, _screen: &Screen) -> String {
        facts(&[
            ("workspace", self.workspace.to_string()),
            (
                "operation",
                self.operation.map_or(String::new(), |id| id.to_string()),
            ),
            ("nothing to do", self.reason.clone().unwrap_or_default()),
        ])
    }

    fn names(&self) -> Vec<String> {
        vec![
            self.operation
                .map_or(self.workspace.to_string(), |id| id.to_string()),
        ]
    }
}

/// The word for a kind of operation.
pub(crate) const fn kind_text(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Create => "create",
        OperationKind::Start => "start",
        OperationKind::Stop => "stop",
        OperationKind::Delete => "delete",
    }
}

/// The word for how an operation or a step stands.
pub(crate) const fn state_text(state: OperationState) -> &'static str {
    match state {
        OperationState::InFlight => "in_flight",
        OperationState::Succeeded => "succeeded",
        OperationState::Failed => "failed",
        OperationState::Superseded => "superseded",
    }
}
