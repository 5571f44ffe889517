//! SSH inside init.
use std::sync::Arc;

use crate::connection::{ConnectionError, Reader, Writer};
use crate::workspace::Workspace;

pub(crate) async fn serve(
    _workspace: Arc<Workspace>,
    _reader: Reader,
    _writer: Writer,
) -> Result<(), ConnectionError> {
    Ok(())
}
