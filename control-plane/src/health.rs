//! How the server fares: what it depends on, and whether it may take requests.

use std::collections::BTreeMap;

use nexus_events::problem::{Problem, ProblemCode};
use nexus_events::view::HealthView;

use crate::app::App;
use crate::room::{LEAST_FREE_BYTES, free_bytes};

/// Events behind which the read model counts as lagging.
const MOST_LAG: u64 = 10_000;

const OK: &str = "ok";

impl App {
    /// What the server is and how it fares.
    pub async fn health(&self) -> HealthView {
        let freshness = tokio::time::timeout(Self::PROBE, self.queries().freshness()).await;
        let sequence = self.queries().sequence();
        let (log, lag) = match freshness {
            Ok(freshness) if freshness.log_sequence.is_some() => (OK.to_owned(), freshness.lag),
            Ok(_) | Err(_) => ("the log does not answer".to_owned(), 0),
        };
        let checks = BTreeMap::from([
            ("log".to_owned(), log),
            ("projection".to_owned(), self.projection_check(lag)),
            ("storage".to_owned(), self.storage_check()),
        ]);
        let uptime = self.now().duration_since(self.started()).as_secs();
        HealthView {
            status: self.status(&checks).to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_seconds: u64::try_from(uptime).unwrap_or(0),
            sequence,
            lag,
            checks,
        }
    }

    /// Whether requests may come: the log answers, the read model is up to date, there is room.
    ///
    /// # Errors
    /// What is missing, and what to do about it.
    pub async fn ready(&self) -> Result<HealthView, Problem> {
        let health = self.health().await;
        if health.status == OK {
            return Ok(health);
        }
        let wrong: Vec<_> = health
            .checks
            .iter()
            .filter(|(_, state)| *state != OK)
            .map(|(check, state)| format!("{check}: {state}"))
            .collect();
        let code = match health.checks.get("storage") {
            Some(state) if state != OK => ProblemCode::StorageFull,
            Some(_) | None => ProblemCode::LogUnavailable,
        };
        Err(Problem::new(
            code,
            wrong.join("; "),
            "see what is wrong: nexus doctor",
        ))
    }

    fn projection_check(&self, lag: u64) -> String {
        if let Some(alarm) = self.alarm() {
            return alarm;
        }
        match (self.has_caught_up(), lag) {
            (false, _) => "still reading the log".into(),
            (true, lag) if lag > MOST_LAG => format!("{lag} events behind"),
            (true, _) => OK.into(),
        }
    }

    fn storage_check(&self) -> String {
        match free_bytes(self.settings()) {
            Ok(free) if free < LEAST_FREE_BYTES => {
                format!("{} MiB free; nothing new is accepted", free >> 20)
            }
            Ok(_) => OK.into(),
            Err(error) => format!("not known: {error}"),
        }
    }

    fn status(&self, checks: &BTreeMap<String, String>) -> &'static str {
        let is_ok = |check: &str| checks.get(check).is_some_and(|state| state == OK);
        match (
            checks.values().all(|state| state == OK),
            is_ok("log"),
            self.alarm(),
        ) {
            (true, _, _) => OK,
            (false, true, None) => "degraded",
            (false, _, _) => "unavailable",
        }
    }
}
