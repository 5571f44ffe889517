//! Every connection to the jump host: who waits to log in, who is in, and how to show them out.
//!
//! Whoever has not logged in is bounded by letting go of the oldest, never by refusing the newest:
//! any number of half-open connections keeps no honest login out. Those that have not said a word
//! for a second go first, and of the address that has the most.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use russh::Disconnect;
use russh::server::Handle;
use rustix::net::Shutdown;
use tokio::io::{AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};

use super::welcome::Login;

/// Connections that have not logged in, at the same time.
const MOST_STRANGERS: usize = 128;
/// The same, of one address.
const MOST_OF_ADDRESS: usize = 96;
/// Channels of one connection, at the same time.
const MOST_CHANNELS: usize = 64;
/// A client says its version at once; silence counts after this.
const SILENT: Duration = Duration::from_secs(1);
/// Read from a connection at once.
const BUFFER: usize = 32 << 10;
/// A guest who is shown out has this long to hear why.
const FAREWELL: Duration = Duration::from_millis(250);

/// All connections.
#[derive(Debug, Default)]
pub(super) struct Guests {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    all: BTreeMap<u64, Arc<Guest>>,
}

/// One connection.
pub(super) struct Guest {
    address: IpAddr,
    /// Taken once, by the transport, which reads a packet as its length, then its rest; the kernel
    /// is asked once for both.
    stream: Mutex<Option<BufReader<TcpStream>>>,
    /// The same socket, to end it by.
    socket: OwnedFd,
    entered: Instant,
    spoke: AtomicBool,
    is_cut: AtomicBool,
    login: watch::Sender<Option<Login>>,
    handle: OnceLock<Handle>,
    /// Room for channels.
    pub(super) channels: Arc<Semaphore>,
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guest")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// A connection that is counted until dropped.
#[derive(Debug)]
pub(super) struct Entered<'a> {
    id: u64,
    guests: &'a Guests,
    pub(super) guest: Arc<Guest>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.guest.cut();
        self.guests.lock().all.remove(&self.id);
    }
}

impl Guests {
    /// Lets a connection in to log in, at the cost of the one that deserves it least.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub(super) fn enter(&self, stream: TcpStream, address: IpAddr) -> io::Result<Entered<'_>> {
        let guest = Arc::new(Guest {
            address,
            socket: rustix::io::fcntl_dupfd_cloexec(stream.as_fd(), 0)?,
            stream: Mutex::new(Some(BufReader::with_capacity(BUFFER, stream))),
            entered: Instant::now(),
            spoke: AtomicBool::new(false),
            is_cut: AtomicBool::new(false),
            login: watch::Sender::new(None),
            handle: OnceLock::new(),
            channels: Arc::new(Semaphore::new(MOST_CHANNELS)),
        });
        let mut inner = self.lock();
        let id = inner.next;
        inner.next += 1;
        inner.all.insert(id, Arc::clone(&guest));
        while let Some(surplus) = surplus(&inner.strangers()) {
            tracing::info!("an SSH connection that did not log in made room for a newer one");
            match inner.all.get(&surplus) {
                Some(guest) => guest.cut(),
                None => break,
            }
        }
        drop(inner);
        let guests = self;
        Ok(Entered { id, guests, guest })
    }

    /// Shows out everybody who may not stay.
    pub(super) fn show_out(&self, may_stay: impl Fn(&Login) -> bool) {
        for guest in self.lock().all.values() {
            let has_to_go = guest
                .login
                .borrow()
                .as_ref()
                .is_some_and(|login| !may_stay(login));
            if has_to_go {
                Arc::clone(guest).let_go();
            }
        }
    }

    /// Ends every connection.
    pub(super) fn cut_all(&self) {
        for guest in self.lock().all.values() {
            guest.cut();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn strangers(&self) -> Vec<Stranger> {
        let waiting = self.all.iter().filter(|(_, guest)| guest.is_stranger());
        waiting
            .map(|(id, guest)| Stranger {
                id: *id,
                address: guest.address,
                is_silent: guest.is_silent(),
            })
            .collect()
    }
}

impl Guest {
    /// Its bytes, as the transport takes them; nothing but the end when taken before.
    pub(super) fn stream(self: &Arc<Self>) -> GuestStream {
        let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stream = stream;
        GuestStream {
            stream: stream.take(),
            guest: Arc::clone(self),
        }
    }

    /// It is known from now on.
    pub(super) fn log_in(&self, login: Login) {
        self.login.send_replace(Some(login));
    }

    /// Who it is.
    pub(super) fn login(&self) -> Option<Login> {
        self.login.borrow().clone()
    }

    /// Waits until it is known.
    pub(super) async fn logged_in(&self) {
        let mut login = self.login.subscribe();
        // The sender lives as long as the guest.
        let _ = login.wait_for(Option::is_some).await;
    }

    /// The way to tell it something.
    pub(super) fn reached_by(&self, handle: Handle) {
        // There is one transport in the life of a connection.
        let _ = self.handle.set(handle);
    }

    /// Ends the connection at once, whatever is under way on it.
    pub(super) fn cut(&self) {
        if !self.is_cut.swap(true, Relaxed) {
            // A socket the other end has closed has nothing left to end.
            let _ = rustix::net::shutdown(&self.socket, Shutdown::Both);
        }
    }

    /// Tells why, then ends the connection.
    fn let_go(self: Arc<Self>) {
        tokio::spawn(async move {
            if let Some(handle) = self.handle.get() {
                let reason = "this key may not log in any more".to_owned();
                let told = handle.disconnect(Disconnect::ByApplication, reason, String::new());
                // One that is too busy to hear it is ended all the same.
                let _ = tokio::time::timeout(FAREWELL, told).await;
                tokio::time::sleep(FAREWELL).await;
            }
            self.cut();
        });
    }

    fn is_silent(&self) -> bool {
        !self.spoke.load(Relaxed) && self.entered.elapsed() > SILENT
    }

    fn is_stranger(&self) -> bool {
        self.login.borrow().is_none() && !self.is_cut.load(Relaxed)
    }
}

/// The bytes of one connection; it is noted that it said something.
#[derive(Debug)]
pub(super) struct GuestStream {
    stream: Option<BufReader<TcpStream>>,
    guest: Arc<Guest>,
}

impl GuestStream {
    fn inner(&mut self) -> io::Result<Pin<&mut BufReader<TcpStream>>> {
        let stream = self.stream.as_mut().map(Pin::new);
        stream.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl AsyncRead for GuestStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = self.inner()?.poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.guest.spoke.store(true, Relaxed);
        }
        read
    }
}

impl AsyncWrite for GuestStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.inner()?.poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner()?.poll_shutdown(context)
    }
}

/// One that has not logged in; older ones have lower ids.
#[derive(Debug, Clone, Copy)]
struct Stranger {
    id: u64,
    address: IpAddr,
    is_silent: bool,
}

/// The one that has to go, when there are too many.
fn surplus(strangers: &[Stranger]) -> Option<u64> {
    let mut counts: HashMap<IpAddr, usize> = HashMap::new();
    for stranger in strangers {
        *counts.entry(stranger.address).or_default() += 1;
    }
    let (busiest, most) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    if most <= MOST_OF_ADDRESS && strangers.len() <= MOST_STRANGERS {
        return None;
    }
    let of_busiest = || strangers.iter().filter(|one| one.address == busiest);
    let silent = of_busiest().filter(|one| one.is_silent).map(|one| one.id);
    silent
        .min()
        .or_else(|| of_busiest().map(|one| one.id).min())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn stranger(id: u64, host: u8, is_silent: bool) -> Stranger {
        let address = IpAddr::from(Ipv4Addr::new(192, 0, 2, host));
        Stranger {
            id,
            address,
            is_silent,
        }
    }

    #[test]
    fn the_oldest_silent_one_of_the_busiest_address_goes_first() {
        let mut all: Vec<_> = (0..MOST_OF_ADDRESS as u64)
            .map(|id| stranger(id, 1, id != 0))
            .collect();
        assert_eq!(surplus(&all), None, "there is room");
        all.push(stranger(500, 1, true));
        assert_eq!(surplus(&all), Some(1), "not the one that speaks");
        all.retain(|one| one.id != 1);
        assert_eq!(surplus(&all), None);
        all.extend((600..632).map(|id| stranger(id, 2, true)));
        assert_eq!(surplus(&all), None, "all rooms are full");
        all.push(stranger(700, 3, true));
        assert_eq!(surplus(&all), Some(2), "not the modest, not the newest");
    }

    #[test]
    fn when_all_speak_the_oldest_goes() {
        let all: Vec<_> = (0..=MOST_OF_ADDRESS as u64)
            .map(|id| stranger(id, 1, false))
            .collect();
        assert_eq!(surplus(&all), Some(0));
    }
}
