//! What is told after each commit: how far the read model is, the events, the users that changed.

use std::sync::Arc;

use nexus_events::id::UserId;
use tokio::sync::{mpsc, watch};

use crate::commands::Ports;
use crate::hub::{self, Live};
use crate::projections::Decoded;
use crate::projections::SubjectEvent;
use crate::projections::checkpoint::Checkpoint;
use crate::projections::timeline::Concern;
use crate::projections::writer::Announce;

#[derive(Debug)]
pub(crate) struct Announcer {
    pub(crate) sequence: watch::Sender<u64>,
    pub(crate) live: Live,
    pub(crate) ports: Arc<Ports>,
    pub(crate) users: mpsc::UnboundedSender<UserId>,
}

impl Announce for Announcer {
    fn projected(&self, events: &[(Decoded, Concern)], checkpoint: &Checkpoint) {
        self.sequence.send_replace(checkpoint.sequence);
        hub::send(&self.live, events);
        for (event, _) in events {
            match &event.event {
                SubjectEvent::User(user, _) => {
                    // Nobody reads them any more only when the server stops.
                    let _ = self.users.send(*user);
                }
                SubjectEvent::Claim(id, claim) => self.ports.note(id, &claim.data),
                SubjectEvent::Workspace(_, event) => crate::metrics::note_operation(&event.data),
                SubjectEvent::Node(..) => {}
            }
        }
        crate::metrics::note_projected(events.len(), events.last().map(|(last, _)| last.time()));
    }
}
