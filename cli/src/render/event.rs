//! Events, one line each.

use nexus_events::view::EventView;
use serde_json::Value;

use super::{Row, Show};
use crate::clean::clean;
use crate::screen::Screen;

impl Row for EventView {
    const HEADINGS: &'static [&'static str] = &["SEQUENCE", "TIME", "TYPE", "SUBJECT"];

    fn cells(&self) -> Vec<String> {
        let text = |field: &str| self.event[field].as_str().unwrap_or_default().to_owned();
        vec![
            self.sequence.to_string(),
            text("time"),
            text("type"),
            text("subject"),
        ]
    }

    fn name(&self) -> String {
        self.event["subject"].as_str().unwrap_or_default().into()
    }
}

impl Show for EventView {
    fn table(&self, screen: &Screen) -> String {
        event_line(self, screen)
    }

    fn names(&self) -> Vec<String> {
        vec![self.name()]
    }
}

/// What is worth telling of most events, in this order.
const TOLD: [&str; 13] = [
    "name",
    "service",
    "step",
    "status",
    "state",
    "duration_ms",
    "detail",
    "commit",
    "node",
    "failure",
    "cause",
    "reason",
    "result",
];

/// `sequence time kind.name subject what`, as wide as the screen allows.
pub(crate) fn event_line(view: &EventView, screen: &Screen) -> String {
    let text = |field: &str| view.event[field].as_str().unwrap_or_default();
    let time = text("time").get(11..19).unwrap_or("--:--:--");
    let event_type = text("type");
    let short = event_type
        .strip_prefix("nexus.")
        .and_then(|rest| rest.rsplit_once('.'))
        .map_or(event_type, |(name, _version)| name);
    let line = format!(
        "{:>8}  {time}  {short:28}  {:16}  {}",
        view.sequence,
        shortened(text("subject")),
        told(&view.event["data"])
    );
    let line = clean(&line);
    let indent = " ".repeat(8usize.saturating_sub(view.sequence.to_string().len()));
    let line = format!("{indent}{line}");
    let cut: String = match screen.data_to_terminal {
        true => line.chars().take(screen.width).collect(),
        false => line,
    };
    format!("{}\n", cut.trim_end())
}

/// An id by its kind and its last digits: the first ones of ids made together are the same.
fn shortened(subject: &str) -> String {
    match subject.rsplit_once('-') {
        Some((kind, digits)) if digits.len() == 32 && digits.is_ascii() => {
            format!("{kind}-{}", &digits[20..])
        }
        _ => subject.to_owned(),
    }
}

/// What is worth telling of an event's data, in words.
pub(crate) fn told(data: &Value) -> String {
    let inner = data.as_object().and_then(|outer| outer.values().next());
    let Some(inner) = inner else {
        return String::new();
    };
    let mut words = Vec::new();
    for field in TOLD {
        let value = match (field, &inner[field]) {
            (_, Value::Null | Value::Array(_)) => continue,
            ("failure", failure) => failure["cause"].as_str().unwrap_or_default().to_owned(),
            (_, Value::String(text)) => text.clone(),
            (_, Value::Object(_)) => continue,
            (_, other) => other.to_string(),
        };
        words.push(format!("{field}={value}"));
    }
    words.join(" ")
}
