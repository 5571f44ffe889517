//! The workspace decider, told as stories.
#![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod common;

use common::{at, definition, machine, node, operation, ready, requested};
use nexus_events::failure::{Failure, FailureCode};
use nexus_events::testing::given;
use nexus_events::workspace::{
    ActivitySource, Command, Hold, MachineExit, OperationKind, Phase, Rejection, Report,
    ServiceStatus, Step, StopReason, Workspace, WorkspaceEvent as Event,
};

#[test]
fn a_workspace_comes_to_be_and_becomes_ready() {
    let (create, here) = (operation("create", 0), node("a"));
    given::<Workspace>(&[])
        .when(Command::Request {
            owner: definition().0,
            name: definition().1,
            spec: definition().2,
            ssh_port: Some(2222),
            operation: create,
        })
        .then(requested(create))
        .when(Command::Place {
            operation: create.id,
            epoch: 1,
            node: here,
        })
        .then(Event::Placed {
            operation: create.id,
            epoch: 1,
            node: here,
        })
        .when(report(
            create.id,
            1,
            Report::MachineReady { machine: machine() },
        ))
        .then(Event::MachineReady {
            operation: create.id,
            epoch: 1,
            machine: machine(),
        })
        .when(report(
            create.id,
            1,
            Report::Ready {
                at: at(7),
                partial: false,
            },
        ))
        .then(Event::Ready {
            operation: create.id,
            epoch: 1,
            at: at(7),
            partial: false,
            duration_ms: 7000,
        });
}

#[test]
fn of_two_nodes_one_is_let() {
    let create = operation("create", 0);
    let placed = Event::Placed {
        operation: create.id,
        epoch: 1,
        node: node("a"),
    };
    given::<Workspace>(&[requested(create), placed.clone()])
        .when(Command::Place {
            operation: create.id,
            epoch: 1,
            node: node("b"),
        })
        .then_rejected(&Rejection::PlacedElsewhere { node: node("a") });
    given::<Workspace>(&[requested(create), placed])
        .when(Command::Place {
            operation: create.id,
            epoch: 1,
            node: node("a"),
        })
        .then_nothing();
}

#[test]
fn the_newest_intent_supersedes_what_is_under_way() {
    let (create, delete) = (operation("create", 0), operation("delete", 3));
    given::<Workspace>(&[requested(create)])
        .when(Command::Delete { operation: delete })
        .then(Event::DeleteRequested {
            operation: delete,
            epoch: 2,
            supersedes: Some(create.id),
        })
        .when(report(
            create.id,
            1,
            Report::Ready {
                at: at(4),
                partial: false,
            },
        ))
        .then(Event::ResultIgnored {
            operation: create.id,
            epoch: 1,
            node: None,
            result: "ready".into(),
        })
        .when(Command::Start {
            operation: operation("start", 5),
        })
        .then_rejected(&Rejection::Deleted);
}

#[test]
fn progress_of_a_superseded_operation_is_refused_so_that_its_worker_stops() {
    let (create, stop) = (operation("create", 0), operation("stop", 3));
    let stopping = Event::StopRequested {
        operation: stop,
        epoch: 2,
        supersedes: Some(create.id),
        reason: StopReason::Person,
    };
    given::<Workspace>(&[requested(create), stopping])
        .when(report(
            create.id,
            1,
            Report::StepStarted { step: Step::Clone },
        ))
        .then_rejected(&Rejection::NotInFlight {
            operation: create.id,
        });
}

#[test]
fn a_result_told_twice_is_recorded_once() {
    let create = operation("create", 0);
    given::<Workspace>(&ready(create))
        .when(report(
            create.id,
            1,
            Report::Ready {
                at: at(9),
                partial: false,
            },
        ))
        .then_nothing();
}

#[test]
fn an_operation_ends_at_its_deadline_and_not_before() {
    let create = operation("create", 0);
    given::<Workspace>(&[requested(create)])
        .when(Command::TimeOut {
            operation: create.id,
            now: at(599),
        })
        .then_nothing();
    let failed = given::<Workspace>(&[requested(create)])
        .when(Command::TimeOut {
            operation: create.id,
            now: at(600),
        })
        .then_some();
    let Event::Failed { failure, .. } = failed else {
        panic!("{failed:?}")
    };
    assert_eq!(failure.code, FailureCode::Timeout);
    assert!(failure.hint.contains("nexus node list"), "{}", failure.hint);
}

#[test]
fn an_abandoned_operation_fails_with_the_cause_given() {
    let create = operation("create", 0);
    let failure = Failure::new(FailureCode::NodeLost, "node a is gone", "nexus node list");
    given::<Workspace>(&[requested(create)])
        .when(Command::Abandon {
            operation: create.id,
            failure: failure.clone(),
        })
        .then(Event::Failed {
            operation: create.id,
            epoch: 1,
            failure,
        });
}

#[test]
fn idle_is_decided_against_the_newest_activity() {
    let create = operation("create", 0);
    let seen = Event::ActivityObserved {
        source: ActivitySource::Ssh,
        at: at(500),
    };
    let history = [ready(create).as_slice(), &[seen]].concat();
    given::<Workspace>(&history)
        .when(Command::DetectIdle {
            operation: operation("idle", 1099),
        })
        .then_nothing();
    let idle = given::<Workspace>(&history)
        .when(Command::DetectIdle {
            operation: operation("idle", 1100),
        })
        .then_some();
    let Event::IdleDetected {
        looked_at,
        after_seconds,
        epoch,
        ..
    } = idle
    else {
        panic!("{idle:?}")
    };
    assert_eq!(
        (looked_at[&ActivitySource::Ssh], after_seconds, epoch),
        (at(500), 600, 2)
    );
}

fn held(until: Option<i64>) -> Event {
    Event::HoldPlaced {
        name: "build".parse().unwrap(),
        hold: Hold {
            reason: None,
            until: until.map(at),
            at: at(20),
        },
    }
}

fn idle_at(second: i64) -> Command {
    Command::DetectIdle {
        operation: operation("idle", second),
    }
}

#[test]
fn a_held_workspace_is_not_idle_until_the_hold_has_lapsed_for_its_idle_time() {
    let create = operation("create", 0);
    let forever = [ready(create).as_slice(), &[held(None)]].concat();
    given::<Workspace>(&forever)
        .when(idle_at(1_000_000))
        .then_nothing();
    let limited = [ready(create).as_slice(), &[held(Some(900))]].concat();
    given::<Workspace>(&limited)
        .when(idle_at(1499))
        .then_nothing();
    let Event::IdleDetected { lapsed_holds, .. } =
        given::<Workspace>(&limited).when(idle_at(1500)).then_some()
    else {
        panic!("it is idle")
    };
    assert_eq!(
        lapsed_holds.values().copied().collect::<Vec<_>>(),
        [at(900)]
    );
}

#[test]
fn releasing_a_hold_begins_the_idle_time_anew() {
    let create = operation("create", 0);
    let (name, at_2000) = ("build".parse().unwrap(), at(2000));
    let released = given::<Workspace>(&[ready(create).as_slice(), &[held(None)]].concat())
        .when(Command::ReleaseHold { name, at: at_2000 })
        .then(Event::HoldReleased {
            name: "build".parse().unwrap(),
            at: at_2000,
        });
    released.clone().when(idle_at(2599)).then_nothing();
    released.when(idle_at(2600)).then_some();
}

#[test]
fn a_hold_that_is_over_or_known_already_is_answered_so() {
    let history = [ready(operation("create", 0)).as_slice(), &[held(Some(900))]].concat();
    let place = |until, at_second| Command::PlaceHold {
        name: "build".parse().unwrap(),
        hold: Hold {
            reason: None,
            until: Some(at(until)),
            at: at(at_second),
        },
    };
    given::<Workspace>(&history)
        .when(place(900, 30))
        .then_nothing();
    given::<Workspace>(&history)
        .when(place(950, 30))
        .then_some();
    given::<Workspace>(&history)
        .when(place(40, 40))
        .then_rejected(&Rejection::HoldOver { until: at(40) });
}

fn refused(epoch: u64, port: u16) -> Command {
    Command::ReportSshPort {
        epoch,
        port,
        cause: "taken".into(),
    }
}

#[test]
fn a_port_that_cannot_be_listened_on_is_moved_once_and_no_other_is() {
    let create = operation("create", 0);
    let told = Event::SshPortRefused {
        epoch: 1,
        port: 2222,
        cause: "taken".into(),
    };
    let moving = |from, to| Command::MoveSshPort { from, to };
    let listening = given::<Workspace>(&ready(create));
    for command in [moving(2222, 2223), refused(2, 2222), refused(1, 2223)] {
        listening.clone().when(command).then_nothing();
    }
    let stuck = listening.when(refused(1, 2222)).then(told.clone());
    stuck.clone().when(refused(1, 2222)).then_nothing();
    let moved = stuck.clone().when(moving(2222, 2223));
    let moved = moved.then(Event::SshPortMoved {
        from: 2222,
        to: 2223,
    });
    for command in [moving(2222, 2224), moving(2223, 2224), refused(1, 2222)] {
        moved.clone().when(command).then_nothing();
    }
    moved.when(refused(1, 2223)).then_some();
    // The next operation tries the same port again.
    let stop = operation("stop", 10);
    let asked = stuck.when(Command::Stop {
        operation: stop,
        reason: StopReason::Person,
    });
    let stopping = asked.then(Event::StopRequested {
        operation: stop,
        epoch: 2,
        supersedes: None,
        reason: StopReason::Person,
    });
    stopping.when(refused(2, 2222)).then_some();
    given::<Workspace>(&[])
        .when(refused(1, 2222))
        .then_rejected(&Rejection::NotFound);
}

#[test]
fn activity_is_recorded_at_most_once_per_fifth_of_the_idle_time() {
    let create = operation("create", 0);
    let observe = |second| Command::ObserveActivity {
        source: ActivitySource::Ssh,
        at: at(second),
    };
    given::<Workspace>(&ready(create))
        .when(observe(100))
        .then(Event::ActivityObserved {
            source: ActivitySource::Ssh,
            at: at(100),
        })
        .when(observe(219))
        .then_nothing();
}

#[test]
fn a_machine_that_ends_unasked_is_a_failure_that_a_start_repairs() {
    let (create, start) = (operation("create", 0), operation("start", 20));
    let exit = MachineExit {
        code: Some(137),
        out_of_memory: true,
        cause: "killed".into(),
    };
    let exited = Event::MachineExited {
        epoch: 1,
        exit: exit.clone(),
    };
    given::<Workspace>(&ready(create))
        .when(Command::ReportExit { epoch: 1, exit })
        .then(exited)
        .when(Command::Start { operation: start })
        .then(Event::StartRequested {
            operation: start,
            epoch: 2,
            supersedes: None,
        });
}

#[test]
fn a_failed_service_makes_a_running_workspace_partial() {
    let create = operation("create", 0);
    let failed = Event::ServiceChanged {
        epoch: 1,
        service: "web".parse().unwrap(),
        status: ServiceStatus::Failed,
        port: Some(3000),
        mapped_port: None,
        cause: Some("exit code 1".into()),
    };
    let state: Workspace =
        nexus_events::testing::fold(&[ready(create).as_slice(), &[failed]].concat());
    assert!(state.partial);
    assert_eq!(state.phase, Phase::Running);
}

/// Every phase against every intent: the table a person would want to read.
#[test]
fn every_intent_has_an_answer_in_every_phase() {
    let phases = common::histories();
    let new = operation("new", 50);
    let answer = |history: &[Event], command: Command| {
        let state: Workspace = nexus_events::testing::fold(history);
        match nexus_events::aggregate::Aggregate::decide(&state, &command) {
            Ok(nexus_events::aggregate::Decision::Event(_)) => "accepted",
            Ok(nexus_events::aggregate::Decision::Nothing(_)) => "nothing",
            Err(Rejection::NotFound) => "not found",
            Err(Rejection::Deleted) => "deleted",
            Err(other) => panic!("{other}"),
        }
    };
    let expected = [
        (Phase::Absent, ["not found", "not found", "not found"]),
        (Phase::Requested, ["nothing", "accepted", "accepted"]),
        (Phase::Provisioning, ["nothing", "accepted", "accepted"]),
        (Phase::Starting, ["nothing", "accepted", "accepted"]),
        (Phase::Running, ["nothing", "accepted", "accepted"]),
        (Phase::Stopping, ["accepted", "nothing", "accepted"]),
        (Phase::Stopped, ["accepted", "nothing", "accepted"]),
        (Phase::Deleting, ["deleted", "deleted", "nothing"]),
        (Phase::Deleted, ["deleted", "deleted", "nothing"]),
        (Phase::Failed, ["accepted", "accepted", "accepted"]),
    ];
    assert_eq!(phases.each_ref().map(|(phase, _)| *phase), Phase::ALL);
    for ((phase, history), (_, answers)) in phases.iter().zip(expected) {
        let said = [
            answer(history, Command::Start { operation: new }),
            answer(
                history,
                Command::Stop {
                    operation: new,
                    reason: StopReason::Person,
                },
            ),
            answer(history, Command::Delete { operation: new }),
        ];
        assert_eq!(said, answers, "{phase:?}: start, stop, delete");
    }
}

#[test]
fn operations_are_known_by_what_they_bring_about() {
    let state: Workspace = nexus_events::testing::fold(&[requested(operation("create", 0))]);
    assert_eq!(state.operation.unwrap().kind, OperationKind::Create);
}

fn report(operation: nexus_events::id::OperationId, epoch: u64, report: Report) -> Command {
    Command::Report {
        operation,
        epoch,
        node: None,
        report,
    }
}
