//! Connections accepted outside and handed over: from then on they are ours, whoever accepted them.

use std::sync::Arc;

use nexus_init_protocol::frame::FrameWriter;
use nexus_init_protocol::{Answer, DialTarget, Failure, FailureCode, HandOver, descriptor};

use crate::connection::{ConnectionError, Reader, Writer, reunite};
use crate::relay::Socket;
use crate::workspace::Workspace;
use crate::{dial, ssh};

/// Answers a `HandOver` request and serves the connection that came with it.
pub(crate) async fn serve(
    workspace: Arc<Workspace>,
    target: HandOver,
    reader: Reader,
    writer: Writer,
) -> Result<(), ConnectionError> {
    let stream = reunite(reader, writer)?;
    let received = descriptor::receive(&stream).await?;
    let mut writer = FrameWriter::new(stream);
    let outside = match Socket::adopt(received) {
        Ok(outside) => outside,
        Err(error) => {
            let message = format!("what was handed over is no connected socket: {error}");
            let failure = Failure::new(FailureCode::Invalid, message);
            return Ok(writer.control(&Answer::Failed(failure)).await?);
        }
    };
    match target {
        HandOver::Ssh => {
            writer.control(&Answer::Done).await?;
            drop(writer);
            ssh::serve_socket(workspace, outside).await;
            Ok(())
        }
        HandOver::Port(port) => {
            let inside = match dial::reach(&workspace, &DialTarget::Port(port)).await {
                Ok(inside) => inside,
                Err(failure) => return Ok(writer.control(&Answer::Failed(failure)).await?),
            };
            writer.control(&Answer::Done).await?;
            drop(writer);
            Ok(dial::carry(&workspace, &outside, &inside).await?)
        }
    }
}
