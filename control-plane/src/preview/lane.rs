//! One connection to a service, driven by whoever speaks over it: a request is written and its
//! answer read on the task that serves the caller, so nothing is handed from task to task.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::Body;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use super::connector::ServiceStream;
use crate::alarm::Alarm;

type Connection = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// A connection that takes one request at a time.
pub(super) struct Lane {
    sender: SendRequest<Body>,
    /// Reads and writes; `None` once it has ended.
    connection: Option<Connection>,
    alarm: Alarm,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    /// The service took too long to begin one.
    #[error("it took too long")]
    Late,
    /// It hung up, or what it said is no HTTP.
    #[error(transparent)]
    Broken(#[from] hyper::Error),
}

impl Lane {
    /// Speaks HTTP over `stream`.
    pub(super) async fn over(stream: ServiceStream) -> io::Result<Self> {
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        Ok(Self {
            sender,
            connection: Some(Box::pin(connection.with_upgrades())),
            alarm: Alarm::default(),
        })
    }

    /// Sends a request, and gives the answer once its head is there.
    pub(super) async fn ask(
        &mut self,
        request: Request<Body>,
        patience: Duration,
    ) -> Result<Response<Incoming>, Unanswered> {
        let mut late = self.alarm.until(Instant::now() + patience);
        let mut answer = pin!(self.sender.send_request(request));
        poll_fn(|context| {
            drive(&mut self.connection, context);
            if let Poll::Ready(answer) = answer.as_mut().poll(context) {
                return Poll::Ready(answer.map_err(Unanswered::from));
            }
            let late = Pin::new(&mut late).poll(context);
            late.map(|()| Err(Unanswered::Late))
        })
        .await
    }

    /// Reads and writes what there is to read and write.
    pub(super) fn drive(&mut self, context: &mut Context<'_>) {
        drive(&mut self.connection, context);
    }

    /// Whether the next request can be sent: the answer before was read to its end, and neither
    /// side has hung up.
    pub(super) fn is_ready(&mut self, context: &mut Context<'_>) -> bool {
        self.drive(context);
        self.connection.is_some() && self.sender.is_ready()
    }

    /// Drives it to the end of what is under way; there is no next request.
    pub(super) async fn finish(self) {
        let Self {
            sender, connection, ..
        } = self;
        drop(sender);
        if let Some(connection) = connection {
            // Its error is told to whoever waits for what comes over it.
            let _ = connection.await;
        }
    }
}

fn drive(connection: &mut Option<Connection>, context: &mut Context<'_>) {
    let ended = connection
        .as_mut()
        .is_some_and(|connection| connection.as_mut().poll(context).is_ready());
    if ended {
        // An error of it is told to whoever waits for the answer.
        *connection = None;
    }
}
