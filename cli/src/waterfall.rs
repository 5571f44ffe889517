//! The waterfall of an operation: each step as a bar, where it began and how long it took.

use jiff::Timestamp;
use nexus_events::id::OperationId;
use nexus_events::name::WorkspaceName;
use nexus_events::view::{OperationState, OperationView, StepView};
use nexus_events::workspace::OperationKind;
use serde::Serialize;

use crate::clean::clean;
use crate::duration;
use crate::render::{kind_text, state_text};
use crate::screen::Screen;

/// An operation laid out in time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Waterfall {
    /// The operation.
    pub(crate) operation: OperationId,
    /// What it is to bring about.
    pub(crate) kind: OperationKind,
    /// The workspace.
    pub(crate) workspace: WorkspaceName,
    /// How it stands.
    pub(crate) state: OperationState,
    /// Milliseconds from acceptance to its end, or to now.
    pub(crate) total_ms: u64,
    /// Its steps, in order of their beginning.
    pub(crate) steps: Vec<Bar>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Bar {
    /// Which.
    pub(crate) step: String,
    /// How it stands.
    pub(crate) state: OperationState,
    /// Milliseconds from the operation's acceptance to its beginning.
    pub(crate) offset_ms: u64,
    /// Milliseconds it took, or has taken so far.
    pub(crate) duration_ms: u64,
    /// What came out of it, or why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
}

impl Waterfall {
    /// `operation` as of `now`.
    pub(crate) fn of(operation: &OperationView, now: Timestamp) -> Self {
        let steps: Vec<Bar> = operation
            .steps
            .iter()
            .map(|step| {
                Bar::of(
                    step,
                    operation.requested_at,
                    operation.ended_at.unwrap_or(now),
                )
            })
            .collect();
        let last = steps
            .iter()
            .map(|bar| bar.offset_ms + bar.duration_ms)
            .max();
        let lasted = match operation.state {
            OperationState::InFlight => duration::between(operation.requested_at, now),
            _ => operation
                .duration_ms
                .or_else(|| {
                    let ended = operation.ended_at?;
                    Some(duration::between(operation.requested_at, ended))
                })
                .unwrap_or(0),
        };
        Self {
            operation: operation.id,
            kind: operation.kind,
            workspace: operation.workspace_name.clone(),
            state: operation.state,
            total_ms: lasted.max(last.unwrap_or(0)),
            steps,
        }
    }

    /// The picture, fitted to the screen.
    pub(crate) fn draw(&self, screen: &Screen) -> String {
        let mut picture = format!("{}\n", self.title());
        let layout = Layout::of(self, screen);
        for bar in &self.steps {
            picture.push_str(&layout.line(bar, screen));
        }
        picture
    }

    fn title(&self) -> String {
        let took = duration::show(self.total_ms);
        let end = match self.state {
            OperationState::InFlight => format!("under way for {took}"),
            OperationState::Succeeded | OperationState::Failed | OperationState::Superseded => {
                format!("{} after {took}", state_text(self.state))
            }
        };
        format!("{} {}: {end}", kind_text(self.kind), self.workspace)
    }
}

impl Bar {
    fn of(step: &StepView, requested_at: Timestamp, until: Timestamp) -> Self {
        let failure = step.failure.as_ref().map(|failure| failure.cause.clone());
        Self {
            step: step.step.to_string(),
            state: step.state,
            offset_ms: duration::between(requested_at, step.started_at),
            duration_ms: step
                .duration_ms
                .unwrap_or_else(|| duration::between(step.started_at, until)),
            detail: failure.or_else(|| step.detail.clone()),
        }
    }
}

/// Fewer columns than these say nothing.
const NARROWEST_CHART: usize = 10;
/// More columns than these say nothing more.
const WIDEST_CHART: usize = 60;
const LONGEST_NAME: usize = 24;
const LONGEST_DETAIL: usize = 24;
/// `  ` name ` ` mark ` ` chart ` ` offset ` ` duration ` ` detail.
const NUMBER: usize = 10;

/// How the columns share the width.
struct Layout {
    name: usize,
    chart: usize,
    detail: usize,
    total_ms: u64,
}

impl Layout {
    fn of(waterfall: &Waterfall, screen: &Screen) -> Self {
        let bars = &waterfall.steps;
        let name = bars.iter().map(|bar| bar.step.chars().count()).max();
        let name = name.unwrap_or(0);
        let details = bars.iter().filter_map(|bar| bar.detail.as_deref());
        let detail = details.map(|text| clean(text).chars().count()).max();
        let detail = detail.unwrap_or(0);
        let name = name.min(LONGEST_NAME);
        let fixed = 2 + name + 3 + 1 + 2 * (NUMBER + 1);
        let left = screen.width.saturating_sub(fixed);
        let detail = match left.checked_sub(NARROWEST_CHART * 2 + 1) {
            Some(spare) => detail.min(spare).min(LONGEST_DETAIL),
            None => 0,
        };
        let chart = left.saturating_sub(detail + usize::from(detail > 0));
        Self {
            name,
            chart: chart.clamp(NARROWEST_CHART, WIDEST_CHART),
            detail,
            total_ms: waterfall.total_ms.max(1),
        }
    }

    fn line(&self, bar: &Bar, screen: &Screen) -> String {
        let name: String = clean(&bar.step).chars().take(self.name).collect();
        // The whole of a failure is told below the picture; here it may not leave the screen.
        let detail: String = match &bar.detail {
            Some(detail) => clean(detail).chars().take(self.detail).collect(),
            None => String::new(),
        };
        let line = format!(
            "  {} {name:width$} {} {:>NUMBER$} {:>NUMBER$} {detail}",
            mark(bar.state, screen),
            self.chart(bar, screen),
            format!("+{}", duration::show(bar.offset_ms)),
            duration::show(bar.duration_ms),
            width = self.name,
        );
        format!("{}\n", line.trim_end())
    }

    /// The bar among blanks. Even the shortest step has a column, and none leaves the chart.
    fn chart(&self, bar: &Bar, screen: &Screen) -> String {
        let column =
            |at: u64| (at.min(self.total_ms) as usize * self.chart) / self.total_ms as usize;
        let start = column(bar.offset_ms).min(self.chart - 1);
        let end = column(bar.offset_ms + bar.duration_ms).max(start + 1);
        let fill = match bar.state {
            OperationState::InFlight => screen.or("▒", "~"),
            OperationState::Succeeded => screen.or("█", "="),
            OperationState::Failed => screen.or("█", "x"),
            OperationState::Superseded => screen.or("░", "-"),
        };
        let blank = screen.or("·", ".");
        let mut chart = blank.repeat(start);
        chart.push_str(&fill.repeat(end - start));
        chart.push_str(&blank.repeat(self.chart - end));
        chart
    }
}

/// One character that says how a step stands.
pub(crate) const fn mark(state: OperationState, screen: &Screen) -> &'static str {
    match state {
        OperationState::InFlight => screen.or("…", "."),
        OperationState::Succeeded => screen.or("✓", "+"),
        OperationState::Failed => screen.or("✗", "x"),
        OperationState::Superseded => screen.or("–", "-"),
    }
}

#[cfg(test)]
mod tests;
