//! The port of a worker at which the link speaks TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use nexus_events::id::NodeId;
use nexus_events::node::LinkAddress;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::desk::Desk;
use super::entry::Entry;
use super::strangers::Strangers;
use super::ticket::Tickets;
use super::{LinkKey, Pin, STRANGERS, STREAMS, accept};
use crate::connect::Bus;
use crate::link::Doors;

/// Connections the kernel keeps until they are accepted.
const BACKLOG: u32 = 1024;

/// Where a worker listens for gateways on other hosts.
#[derive(Debug)]
pub struct TlsListen {
    listener: TcpListener,
    config: Arc<ServerConfig>,
    pin: Pin,
    advertised: String,
}

impl TlsListen {
    /// At `address`, which gateways reach as `advertised` (`host:port`), or as itself.
    ///
    /// # Errors
    /// It cannot be listened at; or it stands for every address of the host, and none is advertised.
    pub fn at(address: SocketAddr, advertised: Option<String>, key: &LinkKey) -> io::Result<Self> {
        let config = key.server(Arc::new(default_provider()));
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        let bound = listener.local_addr()?;
        let advertised = match advertised {
            Some(advertised) => advertised,
            None if bound.ip().is_unspecified() => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!(
                        "{bound} is no address that others could connect to: say which one is \
                         with --link-advertise HOST:{}",
                        bound.port()
                    ),
                ));
            }
            None => bound.to_string(),
        };
        Ok(Self {
            listener,
            config: Arc::new(config.map_err(io::Error::other)?),
            pin: key.pin(),
            advertised,
        })
    }

    /// What the heartbeat tells of it.
    pub(in crate::link) fn address(&self) -> LinkAddress {
        LinkAddress::Tls {
            address: self.advertised.clone(),
            key: self.pin.to_string(),
        }
    }

    /// Gives tickets over `bus` and takes connections, until `stop`.
    pub(in crate::link) async fn serve(
        self,
        bus: Bus,
        node: NodeId,
        doors: Arc<dyn Doors>,
        stop: CancellationToken,
    ) {
        let tickets = Arc::<Tickets>::default();
        let room = Arc::new(Semaphore::new(STREAMS));
        let desk = Desk {
            bus,
            node,
            tickets: Arc::clone(&tickets),
            room: Arc::clone(&room),
        };
        let entry = Entry {
            tls: TlsAcceptor::from(self.config),
            tickets,
            strangers: Strangers::at_most(STRANGERS),
            room,
        };
        tokio::join!(
            desk.serve(stop.clone()),
            accept::serve(self.listener, entry, doors, stop),
        );
    }
}
