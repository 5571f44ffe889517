//! `nexus doctor`: every check with what was found and, where it is wrong, the command that mends
//! it. Exits 1 when a check fails; a warning alone does not.

mod machine;
mod server;

use serde::Serialize;

use crate::clean::clean;
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;
use crate::render::Show;
use crate::screen::Screen;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// As it should be.
    Pass,
    /// Something will not work, but the rest does.
    Warn,
    /// Nothing works until this is mended.
    Fail,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// What was looked at.
    check: String,
    /// How it came out.
    verdict: Verdict,
    /// What was found.
    found: String,
    /// The command that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

impl Finding {
    fn pass(check: &str, found: impl ToString) -> Self {
        Self {
            check: check.to_owned(),
            verdict: Verdict::Pass,
            found: clean(&found.to_string()),
            fix: None,
        }
    }

    fn warn(check: &str, found: impl ToString, fix: &str) -> Self {
        Self {
            verdict: Verdict::Warn,
            fix: Some(fix.to_owned()),
            ..Self::pass(check, found)
        }
    }

    fn fail(check: &str, found: impl ToString, fix: &str) -> Self {
        Self {
            verdict: Verdict::Fail,
            ..Self::warn(check, found, fix)
        }
    }
}

/// Everything that was looked at.
#[derive(Debug, Serialize)]
struct Report {
    /// Whether no check failed.
    ok: bool,
    checks: Vec<Finding>,
}

impl Show for Report {
    fn table(&self, screen: &Screen) -> String {
        let longest = self.checks.iter().map(|finding| finding.check.len()).max();
        let longest = longest.unwrap_or(0);
        self.checks
            .iter()
            .map(|finding| line(finding, longest, screen))
            .collect()
    }

    fn names(&self) -> Vec<String> {
        let wrong = self
            .checks
            .iter()
            .filter(|finding| finding.verdict != Verdict::Pass);
        wrong.map(|finding| finding.check.clone()).collect()
    }

    fn documents(&self) -> serde_json::Result<Vec<String>> {
        self.checks.iter().map(serde_json::to_string).collect()
    }
}

fn line(finding: &Finding, longest: usize, screen: &Screen) -> String {
    let (mark, colour) = match finding.verdict {
        Verdict::Pass => (screen.or("✓", "ok"), "\u{1b}[32m"),
        Verdict::Warn => (screen.or("!", "warn"), "\u{1b}[33m"),
        Verdict::Fail => (screen.or("✗", "FAIL"), "\u{1b}[31m"),
    };
    let width = if screen.unicode { 1 } else { 4 };
    let fix = match &finding.fix {
        Some(fix) => format!("\n{:width$}  {:longest$}  fix: {fix}", "", ""),
        None => String::new(),
    };
    let (check, found) = (&finding.check, &finding.found);
    format!("{colour}{mark:width$}\u{1b}[0m  {check:longest$}  {found}{fix}\n")
}

pub(super) async fn run(context: &Context) -> Result<Exit> {
    let mut checks = machine::checks(context).await;
    checks.extend(server::checks(context).await);
    let report = Report {
        ok: checks
            .iter()
            .all(|finding| finding.verdict != Verdict::Fail),
        checks,
    };
    context.show(&report)?;
    Ok(if report.ok { Exit::Ok } else { Exit::Failure })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_lines_with_their_fix_below() {
        let report = Report {
            ok: false,
            checks: vec![
                Finding::pass("git", "git version 2.39.5"),
                Finding::warn("docker", "no engine answers", "systemctl start docker"),
                Finding::fail("daemon", "does not run\u{1b}[2J", "nexus daemon start"),
            ],
        };
        let screen = Screen {
            width: 80,
            unicode: true,
            data_to_terminal: false,
            talk_to_terminal: false,
        };
        let plain = |screen| anstream::adapter::strip_str(&report.table(screen)).to_string();
        insta::assert_snapshot!(plain(&screen), @r"
        ✓  git     git version 2.39.5
        !  docker  no engine answers
                   fix: systemctl start docker
        ✗  daemon  does not run
                   fix: nexus daemon start
        ");
        let ascii = Screen {
            unicode: false,
            ..screen
        };
        assert!(plain(&ascii).is_ascii());
    }
}
