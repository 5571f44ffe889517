//! Questions about the past: given this history, this answer.
#![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod common;

use common::history::{History, asked, by_itself, told, unasked};
use common::{at, machine, node, operation, requested, workspace};
use nexus_events::audit::causes::{About, Causes, Effect, Request};
use nexus_events::audit::chain::Chain;
use nexus_events::audit::checks::{Checks, Report};
use nexus_events::audit::decisions::{Decisions, Verdict};
use nexus_events::audit::durations::{Durations, Part};
use nexus_events::audit::idle::{Ledger, Reader};
use nexus_events::audit::incident::{Redactor, Window};
use nexus_events::audit::line::{End, FORMAT, Head, Line};
use nexus_events::audit::past::Past;
use nexus_events::audit::what_if::WhatIf;
use nexus_events::audit::{Entry, Record};
use nexus_events::claim::{ClaimEvent, ClaimId};
use nexus_events::failure::{Failure, FailureCode};
use nexus_events::id::UserId;
use nexus_events::node::{NodeEvent, NodeProfile};
use nexus_events::spec::{Capabilities, IdlePolicy, Provider};
use nexus_events::workspace::{
    ActivitySource, Hold, Phase, Step, StopReason, WorkspaceEvent as Event,
};

/// A node joins; hello is made, used, held, let go, found idle, started, stopped by a person and
/// deleted. 10 minutes is its idle time.
fn life() -> History {
    let mut history = History::default();
    let hello = workspace("hello");
    let (owner, name, _) = common::definition();
    let claims = [ClaimId::Name { owner, name }, ClaimId::Port(2222)];
    let profile = NodeProfile {
        provider: Provider::Fake,
        hostname: "adas-laptop".into(),
        engine: "scripted".into(),
        version: "1".into(),
        slots: 4,
        capabilities: Capabilities::default(),
    };
    let joined = NodeEvent::Joined { profile, at: at(0) };
    history.tell(&node("a"), 0, unasked("join"), joined);
    for claim in &claims {
        let workspace = hello;
        let claimed = ClaimEvent::Claimed {
            workspace,
            at: at(1),
        };
        history.tell(claim, 1, asked("create"), claimed);
    }
    let create = operation("create", 1);
    history.tell(&hello, 1, asked("create"), requested(create));
    run(&mut history, "create", create.id, 1, 2, 5);
    for second in [300, 420] {
        let source = ActivitySource::Ssh;
        let used = Event::ActivityObserved {
            source,
            at: at(second),
        };
        history.tell(&hello, second, unasked("use"), used);
    }
    let hold = Hold {
        reason: Some("adas long build".parse().unwrap()),
        until: Some(at(900)),
        at: at(430),
    };
    let name: nexus_events::name::HoldName = "adas-build".parse().unwrap();
    history.tell(
        &hello,
        430,
        asked("hold"),
        Event::HoldPlaced {
            name: name.clone(),
            hold,
        },
    );
    let idle = operation("idle", 1500);
    let detected = Event::IdleDetected {
        operation: idle,
        epoch: 2,
        looked_at: [
            (ActivitySource::Person, at(5)),
            (ActivitySource::Ssh, at(420)),
        ]
        .into(),
        after_seconds: 600,
        lapsed_holds: [(name, at(900))].into(),
    };
    history.tell(&hello, 1500, by_itself("idle"), detected);
    stop(&mut history, "idle", idle.id, 2, 1501);
    let start = operation("start", 2000);
    let started = Event::StartRequested {
        operation: start,
        epoch: 3,
        supersedes: None,
    };
    history.tell(&hello, 2000, asked("start"), started);
    run(&mut history, "start", start.id, 3, 2001, 2003);
    let person = operation("stop", 2100);
    let asked_for = Event::StopRequested {
        operation: person,
        epoch: 4,
        supersedes: None,
        reason: StopReason::Person,
    };
    history.tell(&hello, 2100, asked("stop"), asked_for);
    stop(&mut history, "stop", person.id, 4, 2102);
    let delete = operation("delete", 2200);
    let wanted = Event::DeleteRequested {
        operation: delete,
        epoch: 5,
        supersedes: None,
    };
    history.tell(&hello, 2200, asked("delete"), wanted);
    let gone = Event::Deleted {
        operation: delete.id,
        epoch: 5,
        duration_ms: 1_000,
    };
    history.tell(&hello, 2201, told("delete", delete.id), gone);
    for claim in &claims {
        let workspace = hello;
        let released = ClaimEvent::Released {
            workspace,
            at: at(2202),
        };
        let because = history.following("deleted", "delete");
        history.tell(claim, 2202, because, released);
    }
    history
}

/// A worker brings it up between two seconds.
fn run(
    history: &mut History,
    request: &'static str,
    operation: nexus_events::id::OperationId,
    epoch: u64,
    from: i64,
    to: i64,
) {
    let hello = workspace("hello");
    let because = || told(request, operation);
    let node = node("a");
    history.tell(
        &hello,
        from,
        because(),
        Event::Placed {
            operation,
            epoch,
            node,
        },
    );
    let step = Step::Machine;
    history.tell(
        &hello,
        from,
        because(),
        Event::StepStarted {
            operation,
            epoch,
            step,
        },
    );
    let succeeded = Event::StepSucceeded {
        operation,
        epoch,
        step: Step::Machine,
        duration_ms: 900,
        detail: Some("from adas image".into()),
    };
    history.tell(&hello, to, because(), succeeded);
    let machine = machine();
    history.tell(
        &hello,
        to,
        because(),
        Event::MachineReady {
            operation,
            epoch,
            machine,
        },
    );
    let ready = Event::Ready {
        operation,
        epoch,
        at: at(to),
        partial: false,
        duration_ms: u64::try_from(to - from + 1).unwrap() * 1_000,
    };
    history.tell(&hello, to, because(), ready);
}

fn stop(
    history: &mut History,
    request: &'static str,
    operation: nexus_events::id::OperationId,
    epoch: u64,
    second: i64,
) {
    let duration_ms = if request == "idle" { 1_000 } else { 2_000 };
    let stopped = Event::Stopped {
        operation,
        epoch,
        duration_ms,
    };
    history.tell(
        &workspace("hello"),
        second,
        told(request, operation),
        stopped,
    );
}

fn head(records: &[Record]) -> Head {
    Head {
        format: FORMAT,
        version: "test".into(),
        created: at(0),
        after: 0,
        last: records.len() as u64,
        partial: false,
        redacted: false,
        host: "127.0.0.1".into(),
    }
}

/// The records with their links, and the end of the file.
fn sealed(history: &History) -> (Vec<Record>, End) {
    let mut chain = Chain::default();
    let mut records = history.records.clone();
    for record in &mut records {
        chain.seal(record);
    }
    let end = End {
        events: records.len() as u64,
        refusals: 0,
        kept: None,
        head: Some(chain.head()),
    };
    (records, end)
}

fn checked(records: &[Record], of: &[Record], end: Option<&End>) -> Report {
    let mut checks = Checks::new(head(of), true);
    records.iter().for_each(|record| checks.take(record));
    checks.finish(end)
}

/// A line of the file with one character of its message changed to another that is still JSON.
fn changed(record: &Record, at: usize) -> Option<Record> {
    let mut payload = record.payload().to_vec();
    let byte = payload[at];
    if !byte.is_ascii_alphanumeric() {
        return None;
    }
    payload[at] = if byte == b'1' { b'2' } else { b'1' };
    let mut other = Record::new(record.sequence, &record.subject, record.stored_at, &payload);
    other.hashes.clone_from(&record.hashes);
    Some(other)
}

#[test]
fn a_whole_log_is_whole() {
    let history = life();
    let (records, end) = sealed(&history);
    let report = checked(&records, &records, Some(&end));
    assert_eq!(report.faults, []);
    assert_eq!(Some(&report.head), end.head.as_ref());
    let operations = report.operations;
    assert_eq!((operations.intents, operations.succeeded), (5, 5));
}

#[test]
fn one_changed_byte_is_named_by_its_sequence() {
    let (records, end) = sealed(&life());
    for (index, record) in records.iter().enumerate() {
        for at in (0..record.payload().len()).step_by(7) {
            let Some(other) = changed(record, at) else {
                continue;
            };
            let mut file = records.clone();
            file[index] = other;
            let report = checked(&file, &records, Some(&end));
            let hash = report
                .faults
                .iter()
                .filter(|fault| fault.fault.contains("hash"));
            let named: Vec<u64> = hash.map(|fault| fault.sequence).collect();
            assert_eq!(named, [record.sequence], "byte {at}: {report:?}");
        }
    }
}

#[test]
fn what_is_missing_swapped_or_cut_is_named() {
    let (records, end) = sealed(&life());
    let without: Vec<Record> = [&records[..3], &records[4..]].concat();
    let report = checked(&without, &records, Some(&end));
    assert_eq!(report.faults[0].sequence, 5, "{report:?}");
    let mut swapped = records.clone();
    swapped.swap(6, 7);
    let report = checked(&swapped, &records, Some(&end));
    assert_eq!(report.faults[0].sequence, 8, "{report:?}");
    let report = checked(&records[..9], &records, None);
    assert!(
        report
            .faults
            .iter()
            .any(|fault| fault.fault.contains("end is missing"))
    );
    let mut relinked = records.clone();
    let other = records[0].hashes.clone();
    relinked[4].hashes = other;
    let report = checked(&relinked, &records, Some(&end));
    let named: Vec<u64> = report.faults.iter().map(|fault| fault.sequence).collect();
    assert_eq!(named, [5], "a changed link is told once");
    // Whoever changes a message and every link after it cannot keep the last link.
    let mut forged = life();
    forged.records[4] = changed(&records[4], 40).unwrap();
    let (_, other) = sealed(&forged);
    assert_ne!(other.head, end.head);
}

#[test]
fn a_second_outcome_and_one_without_intent_are_named() {
    let mut history = life();
    let again = Event::Stopped {
        operation: operation("stop", 0).id,
        epoch: 4,
        duration_ms: 1,
    };
    let never = Event::Failed {
        operation: operation("never", 0).id,
        epoch: 9,
        failure: Failure::new(FailureCode::Timeout, "x", "y"),
    };
    let because = || told("stop", operation("stop", 0).id);
    history.tell(&workspace("hello"), 3000, because(), again);
    history.tell(&workspace("hello"), 3001, because(), never);
    let (records, end) = sealed(&history);
    let last = records.len() as u64;
    let report = checked(&records, &records, Some(&end));
    let named: Vec<u64> = report.faults.iter().map(|fault| fault.sequence).collect();
    assert_eq!(named, [last - 1, last], "{report:?}");
}

fn requests(history: &History, about: About) -> Vec<Request> {
    let mut causes = Causes::default();
    history
        .entries()
        .iter()
        .for_each(|entry| causes.take(entry));
    causes.requests(about)
}

fn drawn(requests: &[Request]) -> String {
    fn draw(effects: &[Effect], depth: usize, text: &mut String) {
        for effect in effects {
            let indent = "  ".repeat(depth);
            let line = format!(
                "{indent}{} {} +{}\n",
                effect.sequence, effect.name, effect.offset_ms
            );
            text.push_str(&line);
            draw(&effect.effects, depth + 1, text);
        }
    }
    let mut text = String::new();
    for request in requests {
        text.push_str(&format!("{} lasted {}\n", request.actor, request.lasted_ms));
        draw(&request.effects, 1, &mut text);
    }
    text
}

#[test]
fn a_request_is_the_root_of_everything_that_followed() {
    let history = life();
    let alice = UserId::derived("alice");
    let deletion = requests(&history, About::Operation(operation("delete", 0).id));
    let expected = format!(
        "{alice} lasted 2000
  23 workspace.delete_requested +0
    24 workspace.deleted +1000
      25 claim.released +2000
      26 claim.released +2000
"
    );
    assert_eq!(drawn(&deletion), expected);
    let idle = requests(&history, About::Operation(operation("idle", 0).id));
    assert_eq!(
        drawn(&idle),
        "system:idle-workspaces lasted 1000
  13 workspace.idle_detected +0
    14 workspace.stopped +1000
"
    );
    let placed = requests(&history, About::Sequence(5));
    assert_eq!(
        drawn(&placed),
        format!("{alice} lasted 1000\n  4 workspace.requested +0\n    5 workspace.placed +1000\n")
    );
    let all = requests(&history, About::All);
    let events: u64 = all.iter().map(|request| request.events).sum();
    assert_eq!(
        events,
        history.records.len() as u64,
        "nothing is left out, nothing is twice"
    );
    let first = &all[1];
    assert_eq!(
        (first.effects.len(), first.events),
        (3, 8),
        "claims and request together"
    );
}

#[test]
fn a_cause_that_is_nowhere_is_named() {
    let mut history = life();
    let mut causes = Causes::default();
    history
        .entries()
        .iter()
        .for_each(|entry| causes.take(entry));
    assert_eq!(causes.faults(), []);
    let lost = told("lost", operation("never", 0).id);
    let source = ActivitySource::Ssh;
    history.tell(
        &workspace("hello"),
        1,
        lost,
        Event::ActivityObserved { source, at: at(1) },
    );
    let mut causes = Causes::default();
    history
        .entries()
        .iter()
        .for_each(|entry| causes.take(entry));
    let faults = causes.faults();
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].sequence, history.records.len() as u64);
}

fn past(entries: &[Entry]) -> Past {
    let mut past = Past::default();
    entries.iter().for_each(|entry| past.take(entry));
    past
}

#[test]
fn the_past_is_the_events_up_to_there() {
    let entries = life().entries();
    let nobody = |_| None;
    let running = past(&entries[..9]);
    let list = running.list("host", nobody);
    assert_eq!(
        (list.len(), list[0].phase, list[0].sequence),
        (1, Phase::Running, 9)
    );
    assert_eq!(list[0].ssh.as_ref().unwrap().port, 2222);
    assert_eq!(list[0].idle_stop_at, Some(at(605)));
    let ports = running.ports();
    assert_eq!((ports.len(), ports[0].port), (1, 2222));
    assert_eq!(running.nodes()[0].workspaces, 1);
    let end = past(&entries);
    assert_eq!(end.list("host", nobody), []);
    assert_eq!(end.ports(), []);
    let (id, known) = end.find("hello").unwrap();
    assert_eq!(
        (id, known.state.phase),
        (workspace("hello"), Phase::Deleted)
    );
}

fn verdict(entries: &[Entry]) -> Verdict {
    let mut decisions = Decisions::default();
    entries.iter().for_each(|entry| decisions.take(entry));
    decisions.finish()
}

#[test]
fn recorded_decisions_are_made_again_and_others_are_not() {
    let history = life();
    let entries = history.entries();
    let whole = verdict(&entries);
    assert_eq!(whole.different, []);
    assert_eq!(whole.decided, entries.len() as u64);
    // Without the use at 420 s the recorded decision looked at something that is not there.
    let mut without = entries.clone();
    without.remove(10);
    let different = verdict(&without).different;
    assert_eq!(different.len(), 1);
    assert_eq!(different[0].sequence, 13);
    assert!(
        different[0].decided.starts_with("another event"),
        "{different:?}"
    );
    let later = verdict(&entries[9..]);
    assert!(
        later.without_beginning > 10 && later.different.is_empty(),
        "{later:?}"
    );
}

#[test]
fn steps_are_measured_and_gaps_are_too() {
    let mut durations = Durations::since(None);
    life()
        .entries()
        .iter()
        .for_each(|entry| durations.take(entry));
    let rows = durations.finish();
    let row = |part, name: &str| {
        let row = rows.iter().find(|row| row.part == part && row.name == name);
        let row = row.unwrap_or_else(|| panic!("{name}: {rows:?}"));
        (row.count, row.failures, row.p50_ms, row.p99_ms)
    };
    assert_eq!(
        row(Part::Operation, "create"),
        (1, 0, Some(4_000), Some(4_000))
    );
    assert_eq!(
        row(Part::Operation, "stop"),
        (2, 0, Some(1_000), Some(2_000))
    );
    assert_eq!(row(Part::Step, "machine"), (2, 0, Some(900), Some(900)));
    assert_eq!(row(Part::Step, "queue"), (2, 0, Some(1_000), Some(1_000)));
    let mut recent = Durations::since(Some(at(2_150)));
    life().entries().iter().for_each(|entry| recent.take(entry));
    let recent = recent.finish();
    assert_eq!(
        recent.len(),
        1,
        "only the deletion is that recent: {recent:?}"
    );
}

fn ledger(entries: &[Entry], now: i64) -> Ledger {
    let mut reader = Reader::of(workspace("hello"));
    entries.iter().for_each(|entry| reader.take(entry));
    reader.finish(at(now)).unwrap()
}

#[test]
fn the_ledger_says_what_keeps_it_up_and_decides_again() {
    let entries = life().entries();
    let held = ledger(&entries[..12], 800);
    assert_eq!(
        held.stops_at,
        Some(at(1_500)),
        "the hold and the window after it"
    );
    let last = held.last.as_ref().unwrap();
    assert!(last.what.starts_with("held: adas-build until "), "{last:?}");
    assert_eq!(
        held.verdict,
        "the workspace was used or held within its idle time"
    );
    assert_eq!(
        ledger(&entries[..12], 1_500).verdict,
        "it is idle and is stopped"
    );
    let stopped = ledger(&entries, 3_000);
    assert_eq!(stopped.decisions.len(), 1);
    assert!(stopped.decisions[0].identical);
    let mut without = entries;
    without.remove(10);
    assert!(!ledger(&without, 3_000).decisions[0].identical);
}

fn what_if(seconds: Option<u32>, entries: &[Entry]) -> nexus_events::audit::what_if::Effect {
    let policy = IdlePolicy {
        after_seconds: seconds,
    };
    let mut what_if = WhatIf::new(policy, 0, None);
    entries.iter().for_each(|entry| what_if.take(entry));
    what_if.finish().remove(0).effect
}

#[test]
fn another_policy_is_lived_through_on_the_same_history() {
    let entries = life().entries();
    let same = what_if(Some(600), &entries);
    // The timer found it at the very moment, so the imagined stop is the recorded one.
    assert_eq!(
        (same.recorded_stops, same.stops, same.stops_put_off),
        (1, 0, 0)
    );
    assert_eq!(same.seconds, same.recorded_seconds);
    let short = what_if(Some(200), &entries);
    // Idle at 205 and used at 300; held from 430 on until 900, idle at 1100; 2003 to 2100 is short.
    assert_eq!((short.stops, short.false_stops, short.uncertain), (2, 1, 0));
    assert_eq!(short.seconds, (205 - 5) + (1_100 - 300) + (2_100 - 2_003));
    let tiny = what_if(Some(60), &entries);
    assert_eq!(tiny.uncertain, tiny.stops);
    let never = what_if(None, &entries);
    assert_eq!((never.stops, never.stops_put_off), (0, 1));
    assert_eq!(
        short,
        what_if(Some(200), &entries),
        "the same history gives the same answer"
    );
}

#[test]
fn an_incident_holds_nothing_personal_and_decides_the_same() {
    let history = life();
    let mut window = Window::around(13, 2);
    history
        .records
        .iter()
        .for_each(|record| window.look_at(record));
    let mut redactor = Redactor::default();
    let wanted = history.records.iter().filter(|record| window.wants(record));
    let capsule: Vec<Record> = wanted
        .map(|record| redactor.redacted(record.read().unwrap()))
        .collect();
    assert!(
        capsule
            .iter()
            .all(|record| record.sequence <= 15 && record.sequence >= 4)
    );
    assert_eq!(
        capsule.len(),
        12,
        "the whole of the workspace up to there, and nothing else"
    );
    for record in &capsule {
        let text = String::from_utf8_lossy(record.payload()).into_owned();
        for personal in ["hello", "adas", "c0ffee", "AAAA", "/home/dev"] {
            assert!(!text.contains(personal), "{personal} in {text}");
        }
    }
    let entries: Vec<Entry> = capsule
        .iter()
        .map(|record| record.read().unwrap())
        .collect();
    let verdict = verdict(&entries);
    assert_eq!((verdict.decided, verdict.different), (12, vec![]));
}

/// The file as it is written: read for ever, like every stored form. `NEXUS_BLESS=1` writes it
/// once, and never over one that is there.
#[test]
fn the_form_of_a_file_stays() {
    let history = life();
    let (records, end) = sealed(&history);
    let lines = std::iter::once(Line::Log(head(&records)))
        .chain(records.into_iter().map(Line::Event))
        .chain([Line::End(end)]);
    let text: String = lines
        .map(|line| serde_json::to_string(&line).unwrap() + "\n")
        .collect();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/log.ndjson");
    if std::env::var_os("NEXUS_BLESS").is_some() && !path.exists() {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(&path).unwrap());
    for line in text.lines() {
        let line: Line = serde_json::from_str(line).unwrap();
        if let Line::Event(record) = line {
            record.read().unwrap();
        }
    }
}
