//! What servers and networks do to a cluster, and what must hold all the same.

use std::time::{Duration, Instant};

use nexus_nats::testing::Trio;
use nexus_nats::{Append, AppendError, Bus, Expected, Log};

use super::load::Load;
use super::{prepared, said, whole, with_trio};
use crate::sample::{claim, event, soon};

/// How soon appends are acknowledged again, where a majority is there.
const RESUMED: Duration = Duration::from_secs(10);

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The leader of the log is killed.
    LeaderKilled,
    /// Another one is killed.
    MinorityKilled,
    /// The leader's host is unplugged.
    LeaderUnplugged,
    /// The leader hears nothing of the others; they, and clients, hear it.
    LeaderDeaf,
    /// Two of three are killed, and come back.
    MajorityKilled,
    /// All three are killed at once, and come back.
    AllKilled,
}

const EVERY: [Fault; 6] = [
    Fault::LeaderKilled,
    Fault::MinorityKilled,
    Fault::LeaderUnplugged,
    Fault::LeaderDeaf,
    Fault::MajorityKilled,
    Fault::AllKilled,
];

/// Makes it happen under load, ends it, and gives how long nothing was acknowledged while a
/// majority was there.
async fn befall(trio: &mut Trio, bus: &Bus, load: &Load, fault: Fault) -> Duration {
    whole(trio, bus).await;
    load.goes_on(100).await;
    let leader = soon("a leader", async {
        loop {
            if let Some(leader) = trio.leader(bus).await {
                return leader;
            }
        }
    })
    .await;
    let (second, third) = ((leader + 1) % 3, (leader + 2) % 3);
    let mut begin = Instant::now();
    match fault {
        Fault::LeaderKilled => trio.kill(leader),
        Fault::MinorityKilled => trio.kill(second),
        Fault::LeaderUnplugged => trio.unplug(leader).unwrap(),
        Fault::LeaderDeaf => trio.deafen(leader).unwrap(),
        Fault::MajorityKilled | Fault::AllKilled => {
            trio.kill(leader);
            trio.kill(second);
            if fault == Fault::AllKilled {
                trio.kill(third);
            }
            // What was acknowledged on the way is in; from now on nobody may be.
            tokio::time::sleep(Duration::from_millis(500)).await;
            let before = load.count();
            tokio::time::sleep(Duration::from_secs(2)).await;
            assert_eq!(
                load.count(),
                before,
                "without a majority nothing is accepted"
            );
            begin = Instant::now();
            trio.heal().unwrap();
        }
    }
    load.goes_on(200).await;
    let silence = load.longest_silence(begin);
    trio.heal().unwrap();
    silence
}

/// Every fault of the list, one after the other; nothing acknowledged is lost, doubled or moved.
async fn survive(trio: &mut Trio, faults: &[Fault]) {
    let bus = prepared(trio).await;
    let load = Load::start(trio).await;
    let mut worst = Duration::ZERO;
    for fault in faults {
        let silence = befall(trio, &bus, &load, *fault).await;
        let so_far = load.count();
        said(&format!(
            "{fault:?}: {silence:.1?} without an acknowledgement, {so_far} so far"
        ));
        worst = worst.max(silence);
    }
    whole(trio, &bus).await;
    load.goes_on(100).await;
    let stored = load.end().await;
    said(&format!(
        "{} faults, {stored} events, each acknowledged once; longest silence {worst:.1?}",
        faults.len()
    ));
    assert!(worst <= RESUMED, "{worst:?} without an acknowledgement");
}

#[test]
fn a_leader_killed_or_unplugged_is_replaced_and_no_event_lost() {
    let test = "cluster::faults::a_leader_killed_or_unplugged_is_replaced_and_no_event_lost";
    with_trio(test, &[], async |trio| {
        let faults = [
            Fault::LeaderKilled,
            Fault::MinorityKilled,
            Fault::LeaderUnplugged,
        ];
        survive(trio, &faults).await;
    });
}

#[test]
fn a_leader_that_hears_nobody_is_replaced_and_no_event_lost() {
    let test = "cluster::faults::a_leader_that_hears_nobody_is_replaced_and_no_event_lost";
    with_trio(test, &[], async |trio| {
        survive(trio, &[Fault::LeaderDeaf]).await
    });
}

#[test]
fn two_or_all_three_killed_together_lose_no_event() {
    let test = "cluster::faults::two_or_all_three_killed_together_lose_no_event";
    with_trio(test, &[], async |trio| {
        let faults = [Fault::MajorityKilled, Fault::AllKilled, Fault::AllKilled];
        survive(trio, &faults).await;
    });
}

/// The long form: every fault, in an order drawn from a seed, round after round.
#[test]
fn faults_of_every_kind_in_any_order() {
    let test = "cluster::faults::faults_of_every_kind_in_any_order";
    let Some(rounds) = number("NEXUS_CLUSTER_ROUNDS") else {
        return super::skipped(test, "the long form is asked for by NEXUS_CLUSTER_ROUNDS=N");
    };
    let seed = number("NEXUS_CLUSTER_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    said(&format!("NEXUS_CLUSTER_SEED={seed}"));
    let mut state = seed | 1;
    let mut draw = || {
        // xorshift64: enough to choose by.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        EVERY[usize::try_from(state % EVERY.len() as u64).unwrap()]
    };
    let faults: Vec<Fault> = (0..rounds).map(|_| draw()).collect();
    with_trio(test, &[], async |trio| survive(trio, &faults).await);
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn of_writers_with_one_expectation_exactly_one_wins() {
    let test = "cluster::faults::of_writers_with_one_expectation_exactly_one_wins";
    with_trio(test, &[], async |trio| {
        let bus = prepared(trio).await;
        let mut logs = Vec::new();
        for _ in 0..8 {
            let role = nexus_nats::Role::ControlPlane;
            let connected = Bus::connect(trio.options("control-plane", role)).await;
            logs.push(Log::on(&connected.unwrap()));
        }
        let claim = claim();
        let mut last = 0;
        for round in 0..50 {
            let racing = logs.iter().map(|log| {
                let (log, event) = (log.clone(), event(&claim));
                async move { (event.id, settled(&log, last, &event).await) }
            });
            let outcomes = soon("a round", futures::future::join_all(racing)).await;
            let winners: Vec<_> = outcomes
                .iter()
                .filter_map(|(id, outcome)| Some((*id, outcome.sequence()?)))
                .collect();
            let [(id, sequence)] = winners[..] else {
                panic!("round {round}: {outcomes:?}")
            };
            for (_, outcome) in &outcomes {
                if let Append::Conflict { actual } = outcome {
                    assert_eq!(*actual, sequence, "who loses is told who won");
                }
            }
            let stored = Log::on(&bus).get(sequence).await.unwrap().unwrap();
            assert_eq!(stored.id, Some(id));
            last = sequence;
        }
        let info = Log::on(&bus).info().await.unwrap();
        assert_eq!((info.last_sequence, info.missing), (50, 0));
    });
}

/// The same append until it is answered.
async fn settled(log: &Log, last: u64, event: &nexus_nats::NewEvent) -> Append {
    loop {
        match log.append(Expected::of(last), event).await {
            Ok(append) => return append,
            Err(AppendError::Unavailable { .. } | AppendError::Ambiguous { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}
