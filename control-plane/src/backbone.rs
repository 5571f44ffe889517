//! Everything the core reaches over the bus, in one place: real, or in memory for tests.

use std::sync::Arc;

use nexus_nats::preview_entries::PreviewEntries;
use nexus_nats::{
    Bus, CommandQueue, Heartbeats, Log, MemoryBus, Parked, SpentTickets, UserKeys, UserValues,
};

use crate::gateway::Lines;
use crate::key_store::KeyStore;
use crate::parking::Parking;
use crate::refusals::Refusals;
use crate::tickets::Spent;
use crate::vault::ValueStore;

/// The log and its companions. Clones share them.
#[derive(Debug, Clone)]
pub struct Backbone {
    /// The connection; `None` when all of it is in memory.
    pub bus: Option<Bus>,
    /// The truth.
    pub log: Log,
    /// Commands for workers.
    pub dispatch: CommandQueue,
    /// Signs of life of the nodes.
    pub heartbeats: Heartbeats,
    /// Messages nobody can read.
    pub parking: Parking,
    /// Requests that were refused.
    pub refusals: Refusals,
    /// Users' keys, wrapped.
    pub key_store: KeyStore,
    /// Byte streams to workspaces; `None` where there is no way to any.
    pub lines: Option<Arc<dyn Lines>>,
    /// Users' credentials, sealed.
    pub value_store: ValueStore,
    /// Tickets that were used.
    pub spent: Spent,
    /// Who was let into which preview.
    pub preview_entries: PreviewEntries,
}

impl Backbone {
    /// On this bus, whose streams exist.
    pub fn on(bus: &Bus) -> Self {
        Self {
            bus: Some(bus.clone()),
            log: Log::on(bus),
            dispatch: CommandQueue::on(bus),
            heartbeats: Heartbeats::on(bus),
            parking: Parking::Bus(Parked::on(bus)),
            refusals: Refusals::Bus(nexus_nats::Refusals::on(bus)),
            key_store: KeyStore::Bus(UserKeys::on(bus)),
            lines: None,
            value_store: ValueStore::Bus(UserValues::on(bus)),
            spent: Spent::Bus(SpentTickets::on(bus)),
            preview_entries: PreviewEntries::on(bus),
        }
    }

    /// The same, reaching workspaces over `lines`.
    #[must_use]
    pub fn with_lines(mut self, lines: Arc<dyn Lines>) -> Self {
        self.lines = Some(lines);
        self
    }

    /// All of it in memory.
    pub fn memory() -> Self {
        Self::in_memory(&MemoryBus::default())
    }

    /// On this bus in memory, with stores of its own.
    pub fn in_memory(bus: &MemoryBus) -> Self {
        Self {
            bus: None,
            log: bus.log(),
            dispatch: bus.commands(),
            heartbeats: bus.heartbeats(),
            parking: Parking::memory(),
            refusals: Refusals::memory(),
            key_store: KeyStore::memory(),
            lines: None,
            value_store: ValueStore::memory(),
            spent: Spent::memory(),
            preview_entries: PreviewEntries::memory(),
        }
    }

    /// The same stores, as another process reaches them over `bus`.
    #[must_use]
    pub fn reached_over(&self, bus: &MemoryBus) -> Self {
        Self {
            log: bus.log(),
            dispatch: bus.commands(),
            heartbeats: bus.heartbeats(),
            ..self.clone()
        }
    }
}
