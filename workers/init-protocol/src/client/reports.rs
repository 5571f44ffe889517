//! Reports as a stream.

use super::connection::{Connection, expect_answer};
use super::unexpected;
use crate::answer::Answer;
use crate::error::ClientError;
use crate::report::Report;

const ATTEMPTED: &str = "following reports";

/// Numbered reports, in order.
#[derive(Debug)]
pub struct ReportStream {
    connection: Connection,
}

impl ReportStream {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// The next report, or none at the end. Dropping a pending call loses nothing. An error means
    /// that the connection is lost: ask again after the last number stored.
    pub async fn next(&mut self) -> Result<Option<Report>, ClientError> {
        let answer = self.connection.answer(ATTEMPTED).await?;
        match expect_answer(ATTEMPTED, answer)? {
            Answer::Report(report) => Ok(Some(*report)),
            Answer::Done => Ok(None),
            other => Err(unexpected(ATTEMPTED, &other)),
        }
    }
}
