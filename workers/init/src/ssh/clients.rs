//! Every SSH connection of the workspace: who waits to log in, who is in, and how to let go of them.
//!
//! Connections that have not logged in are bounded by letting the oldest go, never by refusing the
//! newest: any number of half-open ones cannot keep an honest login out. Those that have not said a
//! word for a while go first, and of equals those of the address that has most.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use russh::Disconnect;
use russh::server::{Config, Handle};
use tokio::sync::{Semaphore, watch};

use crate::access::{Login, Permits, Policy};
use crate::relay::Socket;
use crate::sync::Lock;

/// Connections that have not logged in, at the same time: more than the 200 logins at once that have
/// to succeed.
const MAX_STRANGERS: usize = 256;
/// Those of one address, so that there is always room for another.
const MAX_OF_ADDRESS: usize = 224;
/// Channels of one connection at the same time.
const MAX_CHANNELS: usize = 256;
/// Bytes of all channels of one connection that wait inside init for a slow program, in KiB.
const BACKLOG_KIB: usize = 32 << 10;
/// A client that has said nothing for this long is silent; an honest one may not have been heard yet.
const SILENCE: Duration = Duration::from_secs(1);
/// A peer that is told to go has this long to hear it.
const FAREWELL: Duration = Duration::from_millis(250);

/// All connections, and what a new one is greeted with.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    all: BTreeMap<u64, Arc<Client>>,
    greeting: Option<Arc<Config>>,
}

/// One connection.
pub(crate) struct Client {
    address: Option<IpAddr>,
    socket: Socket,
    since: Instant,
    spoke: OnceLock<()>,
    login: watch::Sender<Option<Login>>,
    handle: OnceLock<Handle>,
    is_gone: watch::Sender<bool>,
    channels: AtomicUsize,
    backlog: Arc<Semaphore>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("Client");
        shown
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// A connection that is counted until dropped.
#[derive(Debug)]
pub(super) struct Entered<'a> {
    id: u64,
    all: &'a Clients,
    pub(super) client: Arc<Client>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.client.cut();
        self.all.inner.hold().all.remove(&self.id);
    }
}

impl Clients {
    /// Connections open now.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.inner.hold().all.len()).unwrap_or(u32::MAX)
    }

    /// Lets a connection in to log in, at the cost of the one that deserves it least.
    pub(super) fn enter(&self, socket: Socket) -> Entered<'_> {
        let client = Arc::new(Client::new(socket));
        let mut inner = self.inner.hold();
        let id = inner.next;
        inner.next += 1;
        inner.all.insert(id, client.clone());
        while let Some(victim) = surplus(&inner.strangers()) {
            tracing::info!("an SSH connection that did not log in made room for a newer one");
            match inner.all.get(&victim) {
                Some(client) => client.cut(),
                None => break,
            }
        }
        drop(inner);
        let all = self;
        Entered { id, all, client }
    }

    /// Lets go of everybody a new document does not let stay, and greets with it from now on.
    pub(crate) fn access_changed(&self, policy: &Policy) {
        let mut inner = self.inner.hold();
        inner.greeting = None;
        for client in inner.all.values() {
            let may_stay = match &*client.login.borrow() {
                Some(login) => policy.keeps(login),
                None => true,
            };
            if !may_stay {
                client.clone().let_go("this key may not log in any more");
            }
        }
    }

    /// What a new connection is greeted with, made once for each document.
    pub(super) fn greeting<E>(
        &self,
        make: impl FnOnce() -> Result<Config, E>,
    ) -> Result<Arc<Config>, E> {
        let mut inner = self.inner.hold();
        if let Some(known) = &inner.greeting {
            return Ok(known.clone());
        }
        let made = Arc::new(make()?);
        inner.greeting = Some(made.clone());
        Ok(made)
    }
}

impl Inner {
    fn strangers(&self) -> Vec<Stranger> {
        let waiting = self.all.iter().filter(|(_, client)| client.is_stranger());
        waiting
            .map(|(id, client)| Stranger {
                id: *id,
                address: client.address,
                is_silent: client.is_silent(),
            })
            .collect()
    }
}

impl Client {
    fn new(socket: Socket) -> Self {
        Self {
            address: socket.peer(),
            socket,
            since: Instant::now(),
            spoke: OnceLock::new(),
            login: watch::Sender::new(None),
            handle: OnceLock::new(),
            is_gone: watch::Sender::new(false),
            channels: AtomicUsize::new(0),
            backlog: Arc::new(Semaphore::new(BACKLOG_KIB)),
        }
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// It has said something.
    pub(super) fn has_spoken(&self) {
        let _again = self.spoke.set(());
    }

    /// It is known from now on.
    pub(super) fn log_in(&self, login: Login) {
        self.login.send_replace(Some(login));
    }

    /// What it may ask for; nothing before it is known.
    pub(super) fn permits(&self) -> Permits {
        let login = self.login.borrow();
        login.as_ref().map_or(Permits::NONE, Login::permits)
    }

    /// Waits until it is known.
    pub(super) async fn logged_in(&self) {
        let mut login = self.login.subscribe();
        drop(login.wait_for(Option::is_some).await);
    }

    /// The way to tell it something.
    pub(super) fn reached_by(&self, handle: Handle) {
        let _again = self.handle.set(handle);
    }

    fn is_silent(&self) -> bool {
        self.spoke.get().is_none() && self.since.elapsed() > SILENCE
    }

    fn is_stranger(&self) -> bool {
        self.login.borrow().is_none() && !*self.is_gone.borrow()
    }

    /// Ends the connection at once, whatever is under way on it.
    pub(super) fn cut(&self) {
        if !self.is_gone.send_replace(true) {
            self.socket.shut_down();
        }
    }

    /// Tells why, then ends the connection.
    pub(super) fn let_go(self: Arc<Self>, reason: &'static str) {
        tokio::spawn(async move {
            if let Some(handle) = self.handle.get() {
                let by = Disconnect::ByApplication;
                let told = handle.disconnect(by, reason.to_owned(), String::new());
                let _too_busy = tokio::time::timeout(FAREWELL, told).await;
            }
            let _stays = tokio::time::timeout(FAREWELL, self.gone()).await;
            self.cut();
        });
    }

    /// Waits until the connection is over.
    pub(super) async fn gone(&self) {
        let mut is_gone = self.is_gone.subscribe();
        // What is waited for is a guard; kept, it would lock out whoever changes the value.
        drop(is_gone.wait_for(|is_gone| *is_gone).await);
    }

    /// Room for one more channel, until the slot is dropped.
    pub(super) fn open_channel(self: &Arc<Self>) -> Option<ChannelSlot> {
        let taken = self.channels.fetch_update(Relaxed, Relaxed, |count| {
            (count < MAX_CHANNELS).then_some(count + 1)
        });
        taken.is_ok().then(|| ChannelSlot(self.clone()))
    }

    /// Channels open now.
    pub(super) fn channels(&self) -> usize {
        self.channels.load(Relaxed)
    }

    /// Room for bytes that wait, in KiB.
    pub(super) fn backlog(&self) -> Arc<Semaphore> {
        self.backlog.clone()
    }
}

/// One channel of a connection, until dropped.
#[derive(Debug)]
pub(super) struct ChannelSlot(pub(super) Arc<Client>);

impl Drop for ChannelSlot {
    fn drop(&mut self) {
        self.0.channels.fetch_sub(1, Relaxed);
    }
}

/// One that has not logged in, as eviction sees it; older ones have lower ids.
#[derive(Debug, Clone, Copy)]
struct Stranger {
    id: u64,
    address: Option<IpAddr>,
    is_silent: bool,
}

/// The one that has to go, when there are too many.
fn surplus(strangers: &[Stranger]) -> Option<u64> {
    let mut of_address: HashMap<IpAddr, Vec<Stranger>> = HashMap::new();
    for stranger in strangers {
        if let Some(address) = stranger.address {
            of_address.entry(address).or_default().push(*stranger);
        }
    }
    let greedy = of_address
        .into_values()
        .find(|list| list.len() > MAX_OF_ADDRESS);
    match greedy {
        Some(list) => least_deserving(&list),
        None if strangers.len() > MAX_STRANGERS => least_deserving(strangers),
        None => None,
    }
}

fn least_deserving(strangers: &[Stranger]) -> Option<u64> {
    let silent: Vec<Stranger> = strangers.iter().copied().filter(|s| s.is_silent).collect();
    match silent.is_empty() {
        true => oldest_of_busiest(strangers),
        false => oldest_of_busiest(&silent),
    }
}

fn oldest_of_busiest(strangers: &[Stranger]) -> Option<u64> {
    let mut counts: HashMap<Option<IpAddr>, usize> = HashMap::new();
    for stranger in strangers {
        *counts.entry(stranger.address).or_default() += 1;
    }
    let most = counts.values().copied().max()?;
    let busiest = strangers
        .iter()
        .filter(|stranger| counts.get(&stranger.address) == Some(&most));
    busiest.map(|stranger| stranger.id).min()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn stranger(id: u64, host: u8, is_silent: bool) -> Stranger {
        let address = Some(IpAddr::from(Ipv4Addr::new(192, 0, 2, host)));
        Stranger {
            id,
            address,
            is_silent,
        }
    }

    #[test]
    fn the_oldest_silent_one_of_the_busiest_address_goes_first() {
        let mut all: Vec<Stranger> = (0..100).map(|id| stranger(id, 1, true)).collect();
        all.extend((100..250).map(|id| stranger(id, 2, true)));
        all.extend((250..256).map(|id| stranger(id, 2, false)));
        assert_eq!(surplus(&all), None, "there is room");
        all.push(stranger(256, 3, true));
        assert_eq!(surplus(&all), Some(100), "not the newest, not the modest");
        all.retain(|one| one.id != 100);
        assert_eq!(surplus(&all), None);
    }

    #[test]
    fn one_address_cannot_fill_the_room_with_chatter() {
        let mut all: Vec<Stranger> = (0..224).map(|id| stranger(id, 1, false)).collect();
        assert_eq!(surplus(&all), None);
        all.push(stranger(224, 1, false));
        assert_eq!(surplus(&all), Some(0));
        all.remove(0);
        all.extend((300..333).map(|id| stranger(id, 2, false)));
        assert_eq!(all.len(), 257);
        assert_eq!(surplus(&all), Some(1), "the busiest address pays");
        all.push(stranger(400, 2, true));
        assert_eq!(surplus(&all), Some(400), "silence is worth least");
    }
}
