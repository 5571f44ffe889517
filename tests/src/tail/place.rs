//! Where a tail is opened, and as whom.

use std::path::{Path, PathBuf};

use reqwest::{Method, RequestBuilder};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::client::Client;
use crate::terminal::Door;

/// A way to one server.
#[derive(Debug, Clone)]
pub struct Place {
    client: Client,
    pub(super) door: Door,
    socket: Option<PathBuf>,
}

/// Any connection.
pub(super) trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Bytes for S {}

impl Place {
    /// The local socket, as the operator.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn socket(path: &Path) -> anyhow::Result<Self> {
        let nowhere = Door {
            address: ([127, 0, 0, 1], 0).into(),
            host: "nexus".into(),
            token: None,
        };
        Ok(Self {
            client: Client::local(path)?,
            door: nowhere,
            socket: Some(path.to_owned()),
        })
    }

    /// Over TCP: the API, or a proxy before it.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn network(door: Door) -> anyhow::Result<Self> {
        let base = format!("http://{}", door.address);
        Ok(Self {
            client: Client::tcp(&base, door.token.as_deref())?,
            door,
            socket: None,
        })
    }

    /// A request to read `path`.
    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        let request = self.client.request(Method::GET, path);
        match self.socket {
            Some(_) => request,
            None => request.header("host", &self.door.host),
        }
    }

    /// A bare connection.
    pub(super) async fn connect(&self) -> anyhow::Result<Box<dyn Bytes>> {
        Ok(match &self.socket {
            Some(path) => Box::new(UnixStream::connect(path).await?),
            None => Box::new(TcpStream::connect(self.door.address).await?),
        })
    }
}
