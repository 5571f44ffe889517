//! Progress for a person: a spinner for every step under way, a line for every step that ended.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use nexus_events::view::OperationState;
use nexus_events::workspace::Step;

use super::Change;
use crate::clean::clean;
use crate::duration;
use crate::screen::Screen;
use crate::waterfall::mark;

const TICK: Duration = Duration::from_millis(100);

/// What is drawn at the bottom of the terminal.
pub(crate) struct Spinners {
    screen: Screen,
    all: MultiProgress,
    title: ProgressBar,
    running: Vec<(Step, ProgressBar)>,
}

impl Spinners {
    pub(crate) fn new(title: &str, screen: Screen) -> Self {
        let all = MultiProgress::new();
        let bar = all.add(ProgressBar::new_spinner());
        bar.set_style(style(&screen, "{spinner} {msg} ({elapsed})"));
        bar.set_message(format!("{title}: waiting for a worker"));
        bar.enable_steady_tick(TICK);
        Self {
            screen,
            all,
            title: bar,
            running: Vec::new(),
        }
    }

    pub(crate) fn show(&mut self, change: &Change) {
        match change {
            Change::Placed { .. } => {
                let title = self.title.message();
                let title = title.split(':').next().unwrap_or_default();
                self.title.set_message(title.to_owned());
            }
            Change::Started { step } => self.start(step),
            Change::Ended {
                step,
                ok,
                duration_ms,
                detail,
            } => self.end(step, *ok, *duration_ms, detail.as_deref()),
            Change::Finished { .. } => self.clear(),
        }
    }

    fn start(&mut self, step: &Step) {
        if self.running.iter().any(|(other, _)| other == step) {
            return;
        }
        let bar = self
            .all
            .insert_before(&self.title, ProgressBar::new_spinner());
        bar.set_style(style(&self.screen, "  {spinner} {msg} {elapsed}"));
        bar.set_message(step.to_string());
        bar.enable_steady_tick(TICK);
        self.running.push((step.clone(), bar));
    }

    fn end(&mut self, step: &Step, ok: bool, duration_ms: u64, detail: Option<&str>) {
        if let Some(index) = self.running.iter().position(|(other, _)| other == step) {
            self.running.swap_remove(index).1.finish_and_clear();
        }
        let state = match ok {
            true => OperationState::Succeeded,
            false => OperationState::Failed,
        };
        let line = format!(
            "  {} {:20} {:>9}  {}",
            mark(state, &self.screen),
            step.to_string(),
            duration::show(duration_ms),
            clean(detail.unwrap_or_default())
        );
        // A terminal that went away shows nothing; the operation is followed all the same.
        let _ = self.all.println(line.trim_end());
    }

    fn clear(&mut self) {
        for (_, bar) in self.running.drain(..) {
            bar.finish_and_clear();
        }
        self.title.finish_and_clear();
    }
}

impl Drop for Spinners {
    fn drop(&mut self) {
        self.clear();
    }
}

fn style(screen: &Screen, template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the template is a constant with known keys")
        .tick_chars(screen.or("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ", "|/-\\ "))
}
