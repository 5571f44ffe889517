//! Every command against every state: an event, nothing (with a reason), or a named rejection.
//!
//! One file per command (or family of commands); this one only hands out.

mod delete;
mod hold;
mod idle;
mod observe;
mod place;
mod report;
mod request;
mod ssh_port;
mod start;
mod stop;
mod time_out;

use super::command::Command;
use super::event::WorkspaceEvent;
use super::rejection::Rejection;
use super::state::{Operation, Workspace};
use crate::aggregate::Decision;
use crate::id::OperationId;

type Answer = Result<Decision<WorkspaceEvent>, Rejection>;

pub(super) fn decide(state: &Workspace, command: &Command) -> Answer {
    match command {
        Command::Request {
            owner,
            name,
            spec,
            ssh_port,
            operation,
        } => request::decide(state, *owner, name, spec, *ssh_port, operation),
        Command::Start { operation } => start::decide(state, operation),
        Command::Stop { operation, reason } => stop::decide(state, operation, *reason),
        Command::Delete { operation } => delete::decide(state, operation),
        Command::DetectIdle { operation } => idle::decide(state, operation),
        Command::Place {
            operation,
            epoch,
            node,
        } => place::decide(state, *operation, *epoch, *node),
        Command::Report {
            operation,
            epoch,
            node,
            report,
        } => report::decide(state, *operation, *epoch, *node, report),
        Command::ReportService {
            epoch,
            service,
            status,
            port,
            mapped_port,
            cause,
        } => {
            let reported = super::state::ServiceState {
                status: *status,
                port: *port,
                mapped_port: *mapped_port,
                cause: cause.clone(),
            };
            observe::service(state, *epoch, service, reported)
        }
        Command::ReportSshPort { epoch, port, cause } => {
            ssh_port::refuse(state, *epoch, *port, cause)
        }
        Command::MoveSshPort { from, to } => ssh_port::put(state, *from, *to),
        Command::ReportExit { epoch, exit } => observe::exit(state, *epoch, exit),
        Command::ObserveActivity { source, at } => observe::activity(state, *source, *at),
        Command::PlaceHold { name, hold } => hold::place(state, name, hold),
        Command::ReleaseHold { name, at } => hold::release(state, name, *at),
        Command::TimeOut { operation, now } => time_out::decide(state, *operation, *now),
        Command::Abandon { operation, failure } => time_out::abandon(state, *operation, failure),
    }
}

/// The operation in flight, if it is this one at this epoch: the fence.
fn in_flight(state: &Workspace, operation: OperationId, epoch: u64) -> Option<&Operation> {
    state
        .operation
        .as_ref()
        .filter(|current| current.id == operation && current.epoch == epoch)
}
