//! The gateway's end: connects to a worker's port with a ticket for one stream.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client;
use uuid::Uuid;

use super::ask::ask;
use super::reach::{Advice, Reach};
use super::stream::TlsStream;
use super::ticket::Claim;
use super::wire::{GRANTED, REASON, REFUSED};
use super::{TlsAddress, pin, socket};
use crate::connect::Bus;
use crate::link::DIAL;
use crate::link::direct::{DirectError, Wanted};
use crate::link::relay::address::StreamId;

/// How long connecting may take, the handshake with it: a person waits for it, once.
const CONNECT: Duration = Duration::from_secs(1);

/// Opens streams over TLS. Clones share what is known of the addresses.
#[derive(Debug, Clone)]
pub(in crate::link) struct TlsDialer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    bus: Bus,
    /// Where tickets are told to this gateway.
    gateway: Uuid,
    provider: Arc<CryptoProvider>,
    reach: Reach,
}

/// Where an attempt failed.
enum Failed {
    /// On the way: others need not try it.
    Address(io::Error),
    /// Nothing is wrong with the address.
    Ticket(io::Error),
}

impl TlsDialer {
    /// Asks for tickets over `bus`; looks at addresses that failed again after `again`.
    pub(in crate::link) fn new(bus: &Bus, again: Duration) -> Self {
        Self {
            shared: Arc::new(Shared {
                bus: bus.clone(),
                gateway: Uuid::now_v7(),
                provider: Arc::new(default_provider()),
                reach: Reach::new(again),
            }),
        }
    }

    /// A stream to the wanted workspace by the first of `addresses` that answers. Those that
    /// failed lately are passed over, unless there is no other way (`at_any_rate`).
    pub(in crate::link) async fn open(
        &self,
        addresses: &[TlsAddress],
        wanted: Wanted,
        at_any_rate: bool,
    ) -> Result<TlsStream, DirectError> {
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in addresses {
            let advice = if at_any_rate {
                Advice::Try
            } else {
                self.shared.reach.advice(address, Instant::now())
            };
            match advice {
                Advice::Try => {}
                Advice::Pass => continue,
                Advice::Look => {
                    let (dialer, address) = (self.clone(), address.clone());
                    tokio::spawn(async move { dialer.look(&address).await });
                    continue;
                }
            }
            match self.attempt(address, wanted).await {
                Err(DirectError::Unreachable(error)) => last = error,
                answer => return answer,
            }
        }
        Err(DirectError::Unreachable(last))
    }

    async fn attempt(
        &self,
        address: &TlsAddress,
        wanted: Wanted,
    ) -> Result<TlsStream, DirectError> {
        let stream = StreamId::draw();
        let asking = ask(&self.shared.bus, self.shared.gateway, wanted, stream);
        let greeting = self.greet(address);
        let both = async {
            tokio::try_join!(async { greeting.await.map_err(Failed::Address) }, async {
                asking.await.map_err(Failed::Ticket)
            },)
        };
        let failed = match both.await {
            Ok((tls, secret)) => {
                let claim = Claim {
                    workspace: wanted.workspace,
                    stream,
                    secret,
                };
                match enter(tls, &claim).await {
                    Ok(entered) => {
                        self.shared.reach.answers(address);
                        return entered.map_err(DirectError::Refused);
                    }
                    Err(error) => Failed::Address(error),
                }
            }
            Err(failed) => failed,
        };
        Err(DirectError::Unreachable(match failed {
            Failed::Ticket(error) => error,
            Failed::Address(error) => {
                tracing::info!(node = %wanted.node, address = address.place, %error,
                    "the node's own address does not answer; others are tried");
                self.shared.reach.fails(address, Instant::now());
                error
            }
        }))
    }

    /// Whether an address that failed answers again.
    async fn look(&self, address: &TlsAddress) {
        match self.greet(address).await {
            Ok(_nothing_more) => {
                tracing::info!(
                    address = address.place,
                    "a node's own address answers again"
                );
                self.shared.reach.answers(address);
            }
            Err(error) => {
                tracing::debug!(address = address.place, %error, "still no answer");
                self.shared.reach.fails(address, Instant::now());
            }
        }
    }

    /// A connection to the owner of the address's key.
    async fn greet(
        &self,
        address: &TlsAddress,
    ) -> io::Result<client::TlsStream<BufReader<TcpStream>>> {
        let config = pin::client(address.pin, Arc::clone(&self.shared.provider));
        let connector = TlsConnector::from(Arc::new(config.map_err(io::Error::other)?));
        let greeting = async {
            let stream = TcpStream::connect(&*address.place).await?;
            socket::prepare(&stream)?;
            // A name is neither sent nor compared.
            let nobody = ServerName::from(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
            connector.connect(nobody, socket::buffered(stream)).await
        };
        timeout(CONNECT, greeting).await?
    }
}

/// Shows the ticket; a reason when the worker let us in and has no way itself.
async fn enter(
    mut tls: client::TlsStream<BufReader<TcpStream>>,
    claim: &Claim,
) -> io::Result<Result<TlsStream, String>> {
    let entering = async {
        tls.write_all(&claim.encode()).await?;
        tls.flush().await?;
        match tls.read_u8().await? {
            GRANTED => Ok(None),
            REFUSED => {
                let mut reason = String::new();
                (&mut tls).take(REASON).read_to_string(&mut reason).await?;
                Ok(Some(reason))
            }
            _ => Err(io::Error::from(io::ErrorKind::InvalidData)),
        }
    };
    let refused = timeout(DIAL, entering).await??;
    Ok(match refused {
        None => Ok(TlsStream::new(tls)),
        Some(reason) => Err(reason),
    })
}
