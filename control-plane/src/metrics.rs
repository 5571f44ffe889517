//! Figures for Prometheus: `nexus_` in front, base units, no ids as labels.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::queries::Queries;

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
