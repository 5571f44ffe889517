//! One terminal floods, the other is typed in: its echo stays quick and nobody's memory grows.

use std::time::Duration;

use anyhow::ensure;
use nexus_tests::flood;
use nexus_tests::measure::milliseconds;

use super::World;

/// How long the flood lasts here; `bench R8` lets it run for a minute.
const LASTS: Duration = Duration::from_secs(6);
/// How much more memory all of Nexus may hold at its worst.
const MOST_GROWTH_KIB: u64 = 48 * 1024;

#[tokio::test]
async fn a_flood_beside_leaves_the_echo_within_three_times() -> anyhow::Result<()> {
    beside_a_flood("direct").await
}

#[tokio::test]
async fn a_flood_beside_leaves_the_echo_within_three_times_over_the_relay() -> anyhow::Result<()> {
    beside_a_flood("relay").await
}

async fn beside_a_flood(link: &str) -> anyhow::Result<()> {
    let world = World::make_with(&[("NEXUS_LINK", link)]).await?;
    let typed = world.session("typed").await?;
    let beside = world.session("flood").await?;
    let found = flood::measure(&world.plane, typed, beside, LASTS).await?;
    ensure!(found.bytes > 1 << 20, "no flood: {} bytes", found.bytes);
    let quiet = milliseconds(found.quiet.median());
    let busy = milliseconds(found.busy.median());
    // Below a millisecond two threads on two cores are what is measured, not Nexus.
    ensure!(
        busy / quiet.max(1.0) <= 3.0,
        "{busy:.2} ms beside a flood, {quiet:.2} ms alone"
    );
    ensure!(found.growth <= MOST_GROWTH_KIB, "{} KiB more", found.growth);
    Ok(())
}
