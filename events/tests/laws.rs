//! What holds for every history, whatever is repeated or comes out of order.
#![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod common;

use common::history::{History, by_itself};
use common::{at, machine, node, operation, requested, workspace};
use nexus_events::aggregate::{Aggregate, Decision};
use nexus_events::audit::decisions::Decisions;
use nexus_events::audit::incident::Redactor;
use nexus_events::failure::{Failure, FailureCode};
use nexus_events::testing::fold;
use nexus_events::workspace::{
    ActivitySource, Command, Hold, MachineExit, Phase, Report, ServiceStatus, Step, StopReason,
    Workspace,
};
use proptest::prelude::*;

/// A command that may come at any time, about any of the operations a test may begin.
fn command() -> impl Strategy<Value = Command> {
    let names = prop_oneof![Just("create"), Just("b"), Just("c"), Just("d")];
    (names, 0i64..2000, 0u64..6, 0u8..21).prop_map(|(name, second, epoch, which)| {
        let new = operation(name, second);
        let operation = new.id;
        let report = |report| Command::Report {
            operation,
            epoch,
            node: None,
            report,
        };
        match which {
            0 => Command::Start { operation: new },
            1 => Command::Stop {
                operation: new,
                reason: StopReason::Person,
            },
            2 => Command::Delete { operation: new },
            3 => Command::DetectIdle { operation: new },
            4 => Command::Place {
                operation,
                epoch,
                node: node("a"),
            },
            5 => Command::Place {
                operation,
                epoch,
                node: node("b"),
            },
            6 => report(Report::StepStarted { step: Step::Clone }),
            7 => report(Report::MachineReady { machine: machine() }),
            8 => report(Report::Ready {
                at: at(second),
                partial: second % 2 == 0,
            }),
            9 => report(Report::Stopped { at: at(second) }),
            10 => report(Report::Deleted { at: at(second) }),
            11 => report(Report::Failed { failure: failure() }),
            12 => Command::TimeOut {
                operation,
                now: at(second),
            },
            13 => Command::Abandon {
                operation,
                failure: failure(),
            },
            14 => Command::ObserveActivity {
                source: ActivitySource::Ssh,
                at: at(second),
            },
            15 => Command::ReportExit {
                epoch,
                exit: MachineExit {
                    code: None,
                    out_of_memory: false,
                    cause: "gone".into(),
                },
            },
            16 => Command::PlaceHold {
                name: "build".parse().unwrap(),
                hold: Hold {
                    reason: None,
                    until: (second % 2 == 0).then(|| at(second + 100)),
                    at: at(second),
                },
            },
            17 => Command::ReleaseHold {
                name: "build".parse().unwrap(),
                at: at(second),
            },
            18 => Command::ReportSshPort {
                epoch,
                port: 2222 + u16::from(second % 3 == 0),
                cause: "taken".into(),
            },
            19 => Command::MoveSshPort {
                from: 2222,
                to: 2223,
            },
            _ => Command::ReportService {
                epoch,
                service: "web".parse().unwrap(),
                status: ServiceStatus::Running,
                port: Some(3000),
                mapped_port: Some(23000),
                cause: None,
            },
        }
    })
}

fn failure() -> Failure {
    Failure::new(FailureCode::ServerError, "no", "again")
}

fn step(state: &Workspace, command: &Command) -> Option<Workspace> {
    match state.decide(command) {
        Ok(Decision::Event(event)) => Some(state.clone().evolve(&event)),
        Ok(Decision::Nothing(_)) | Err(_) => None,
    }
}

fn requested_state() -> Workspace {
    fold(&[requested(operation("create", 0))])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// Epochs only grow, a deleted workspace stays deleted, and at most one operation is in flight.
    #[test]
    fn invariants_hold_through_any_history(commands in prop::collection::vec(command(), 0..60)) {
        let mut state = requested_state();
        for command in &commands {
            let Some(next) = step(&state, command) else { continue };
            prop_assert!(next.epoch >= state.epoch);
            prop_assert!(state.phase != Phase::Deleted || next.phase == Phase::Deleted);
            if let Some(operation) = &next.operation {
                prop_assert_eq!(operation.epoch, next.epoch);
            }
            let in_flight = matches!(
                next.phase,
                Phase::Requested | Phase::Provisioning | Phase::Starting | Phase::Stopping | Phase::Deleting
            );
            prop_assert_eq!(next.operation.is_some(), in_flight, "{:?}", next.phase);
            prop_assert_eq!(next.failure.is_some(), next.phase == Phase::Failed);
            state = next;
        }
    }

    /// A command delivered twice in a row changes nothing the second time, but for what records
    /// that it came too late.
    #[test]
    fn a_repeated_command_changes_the_state_once(
        before in prop::collection::vec(command(), 0..30),
        repeated in command(),
    ) {
        let mut state = requested_state();
        for command in &before {
            state = step(&state, command).unwrap_or(state);
        }
        let once = step(&state, &repeated).unwrap_or(state);
        let twice = step(&once, &repeated).unwrap_or_else(|| once.clone());
        prop_assert_eq!(once, twice);
    }

    /// Whatever was going on, a timed-out operation is over, and a delete can always be asked for.
    #[test]
    fn nothing_stays_stuck(commands in prop::collection::vec(command(), 0..60)) {
        let mut state = requested_state();
        for command in &commands {
            state = step(&state, command).unwrap_or(state);
        }
        if let Some(current) = state.operation.clone() {
            let timed_out = step(&state, &Command::TimeOut { operation: current.id, now: current.deadline });
            prop_assert!(timed_out.is_some_and(|next| next.operation.is_none()));
        }
        let delete = state.decide(&Command::Delete { operation: operation("last", 5000) });
        prop_assert!(delete.is_ok());
    }

    /// Folding the events again gives the very same state: replay is deterministic.
    #[test]
    fn replay_gives_the_same_state(commands in prop::collection::vec(command(), 0..60)) {
        let mut events = vec![requested(operation("create", 0))];
        let mut state = requested_state();
        for command in &commands {
            if let Ok(Decision::Event(event)) = state.decide(command) {
                state = state.evolve(&event);
                events.push(event);
            }
        }
        prop_assert_eq!(fold::<Workspace>(&events), state.clone());
        let json = serde_json::to_string(&state).unwrap();
        prop_assert_eq!(serde_json::from_str::<Workspace>(&json).unwrap(), state);
    }

    /// Whatever was recorded would be decided the same again, from the log alone, and without
    /// anything personal in it.
    #[test]
    fn every_recorded_decision_is_made_again(commands in prop::collection::vec(command(), 0..60)) {
        let mut history = History::default();
        let id = workspace("w");
        let because = || by_itself("r");
        history.tell(&id, 0, because(), requested(operation("create", 0)));
        let mut state = requested_state();
        for command in &commands {
            if let Ok(Decision::Event(event)) = state.decide(command) {
                state = state.evolve(&event);
                history.tell(&id, 3000, because(), event);
            }
        }
        let (mut plain, mut redacted) = (Decisions::default(), Decisions::default());
        let mut redactor = Redactor::default();
        for entry in history.entries() {
            plain.take(&entry);
            redacted.take(&redactor.redacted(entry).read().unwrap());
        }
        for verdict in [plain.finish(), redacted.finish()] {
            prop_assert_eq!(verdict.decided, history.records.len() as u64);
            prop_assert_eq!(verdict.different, vec![]);
        }
    }
}
