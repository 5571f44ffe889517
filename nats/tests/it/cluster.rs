//! Three servers in three network namespaces, as `nexusd cluster init` has them made.
//!
//! `NEXUS_CLUSTER_ROUNDS=40` makes `faults_of_every_kind` so many rounds long (one without it),
//! `NEXUS_CLUSTER_SEED` repeats an order of faults.

mod faults;
mod load;
mod trust;

use nexus_nats::testing::Trio;
use nexus_nats::{Bus, Replicas, Role, topology};

use crate::sample::soon;

/// Runs `work` beside three servers; says so where this machine cannot have them.
fn with_trio<W: AsyncFnOnce(&mut Trio)>(test: &str, workers: &[&str], work: W) {
    if let Some(reason) = Trio::missing() {
        return skipped(test, reason);
    }
    let mut trio = Trio::start(workers).unwrap();
    trio.enter().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let shown = Shown(&mut trio);
    runtime.block_on(work(&mut *shown.0));
}

/// Shows what the servers said when a test fails.
struct Shown<'a>(&'a mut Trio);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            said(&self.0.logs());
        }
    }
}

/// A connection as the control plane, with every stream on three servers.
async fn prepared(trio: &Trio) -> Bus {
    let bus = Bus::connect(trio.options("control-plane", Role::ControlPlane));
    let bus = bus.await.unwrap();
    topology::ensure(&bus, Replicas::fit_for(&bus))
        .await
        .unwrap();
    whole(trio, &bus).await;
    bus
}

/// Waits until every server has everything.
async fn whole(trio: &Trio, bus: &Bus) {
    soon("every copy of the log", async {
        while !trio.is_whole(bus).await {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    })
    .await;
}

#[expect(
    clippy::print_stdout,
    reason = "the summary of the test run reads these lines"
)]
fn skipped(test: &str, reason: &str) {
    println!("SKIPPED {test}: {reason}");
}

#[expect(clippy::print_stdout, reason = "figures, and what a failed test shows")]
fn said(text: &str) {
    println!("{text}");
}
