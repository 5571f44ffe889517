//! Figures for Prometheus: `nexus_` in front, base units, no ids as labels.

use std::sync::OnceLock;
use std::time::Duration;

use jiff::Timestamp;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use nexus_events::workspace::WorkspaceEvent;
use nexus_nats::link::Way;
use tokio_util::sync::CancellationToken;

use crate::queries::Queries;

/// How often recorded times are summed up.
const SUMMED_UP: Duration = Duration::from_secs(5);

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Makes this process's recorder, once.
pub(crate) fn install() {
    HANDLE.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        if let Err(error) = metrics::set_global_recorder(recorder) {
            tracing::warn!(%error, "another recorder of metrics is in place");
        }
        metrics::gauge!("nexus_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        handle
    });
}

/// Sums up what was recorded, until told to stop: the recorder keeps every single time it was told
/// of until then, and nobody may ever ask for the figures.
pub(crate) async fn sum_up(stop: CancellationToken) {
    let mut ticks = tokio::time::interval(SUMMED_UP);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Some(handle) = HANDLE.get() {
            handle.run_upkeep();
        }
    }
}

/// Notes how an operation ended.
pub(crate) fn note_operation(event: &WorkspaceEvent) {
    let (operation, duration_ms) = match event {
        WorkspaceEvent::Ready { duration_ms, .. } => ("start", *duration_ms),
        WorkspaceEvent::Stopped { duration_ms, .. } => ("stop", *duration_ms),
        WorkspaceEvent::Deleted { duration_ms, .. } => ("delete", *duration_ms),
        WorkspaceEvent::Failed { .. } => {
            metrics::counter!("nexus_operations_failed_total").increment(1);
            return;
        }
        _ => return,
    };
    let took = Duration::from_millis(duration_ms).as_secs_f64();
    metrics::histogram!("nexus_operation_duration_seconds", "op" => operation).record(took);
}

/// Notes a batch that is readable now, and how old its last event is.
pub(crate) fn note_projected(events: usize, last: Option<Timestamp>) {
    metrics::counter!("nexus_events_projected_total").increment(events as u64);
    if let Some(last) = last {
        let age = nexus_nats::clock::now()
            .duration_since(last)
            .as_secs_f64()
            .max(0.0);
        metrics::gauge!("nexus_projection_lag_seconds").set(age);
    }
}

/// Notes how long a decision about an aggregate of `kind` took, the append included.
pub(crate) fn note_command(kind: &'static str, took: Duration) {
    metrics::histogram!("nexus_command_duration_seconds", "kind" => kind)
        .record(took.as_secs_f64());
}

/// Notes the way a stream to a workspace went.
pub(crate) fn note_link(way: Way) {
    metrics::counter!("nexus_link_streams_total", "way" => way.as_str()).increment(1);
}

/// Everything recorded, and what is counted only when asked for.
pub(crate) fn text(queries: &Queries) -> String {
    match queries.workspace_counts() {
        Ok(counts) => {
            for (provider, phase, count) in counts {
                metrics::gauge!("nexus_workspaces", "provider" => provider, "state" => phase)
                    .set(count);
            }
        }
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "workspaces not counted"
            );
        }
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "a gauge is a float; 2^53 events are far away"
    )]
    metrics::gauge!("nexus_projection_sequence").set(queries.sequence() as f64);
    HANDLE
        .get()
        .map(PrometheusHandle::render)
        .unwrap_or_default()
}
