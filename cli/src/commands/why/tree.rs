//! A request and what followed from it, as a tree.

use nexus_events::audit::causes::{Effect, Request};
use nexus_events::refusal::Refused;

use crate::clean::clean;
use crate::duration;
use crate::render::told;
use crate::screen::Screen;

/// Whether all of it is that somebody was seen using the workspace.
pub(super) fn is_activity(request: &Request) -> bool {
    let seen =
        |effect: &Effect| effect.name == "workspace.activity_observed" && effect.effects.is_empty();
    request.effects.iter().all(seen)
}

/// The request in a line, and each event in one below it.
pub(super) fn draw(request: &Request, screen: &Screen) -> String {
    let mut text = format!(
        "{:.0}  {} by {}: {} in {}\n",
        request.at,
        what(request),
        request.actor,
        events(request.events),
        duration::show(request.lasted_ms)
    );
    for effect in &request.effects {
        draw_effect(effect, "", "", screen, &mut text);
    }
    text.push('\n');
    text
}

/// What was asked for, in a word.
fn what(request: &Request) -> &str {
    let asked = request.effects.iter().find_map(|effect| {
        Some(match effect.name.as_str() {
            "workspace.requested" => "create",
            "workspace.start_requested" => "start",
            "workspace.stop_requested" => "stop",
            "workspace.delete_requested" => "delete",
            "workspace.idle_detected" => "stop, for it was idle,",
            _ => return None,
        })
    });
    let first = request.effects.first();
    asked.unwrap_or_else(|| first.map_or("", |effect| &effect.name))
}

fn events(count: u64) -> String {
    match count {
        1 => "1 event".into(),
        count => format!("{count} events"),
    }
}

/// `above` stands before the event, `below` before what followed from it.
fn draw_effect(effect: &Effect, above: &str, below: &str, screen: &Screen, text: &mut String) {
    let details = told(&effect.data);
    let offset = format!("+{}", duration::show(effect.offset_ms));
    let name = &effect.name;
    let line = format!(
        "{:>8}  {offset:>10}  {above}{name}  {details}",
        effect.sequence
    );
    let indent = line.len() - line.trim_start().len();
    let line = format!("{}{}", " ".repeat(indent), clean(&line));
    let cut: String = match screen.data_to_terminal {
        true => line.chars().take(screen.width).collect(),
        false => line,
    };
    text.push_str(cut.trim_end());
    text.push('\n');
    for (index, next) in effect.effects.iter().enumerate() {
        let (branch, trunk) = match index + 1 == effect.effects.len() {
            true => (screen.or("└─ ", "`- "), "   "),
            false => (screen.or("├─ ", "|- "), screen.or("│  ", "|  ")),
        };
        let (above, deeper) = (format!("{below}{branch}"), format!("{below}{trunk}"));
        draw_effect(next, &above, &deeper, screen, text);
    }
}

/// A request that came to nothing.
pub(super) fn refused(refused: &Refused) -> String {
    let fields = match refused.fields.is_empty() {
        true => String::new(),
        false => format!(" ({})", refused.fields.join(", ")),
    };
    let Refused {
        at,
        method,
        path,
        actor,
        code,
        ..
    } = refused;
    let line = format!("{at:.0}  refused: {method} {path} by {actor}: {code}{fields}");
    clean(&line) + "\n"
}
