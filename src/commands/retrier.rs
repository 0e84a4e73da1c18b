//! Repeats requests that change nothing by being repeated, as often and as long as the settings allow.

use std::time::Duration;

use super::context::CommandContext;
use crate::{
    graph::{Error, GraphClient},
    terminal::human,
    upload::{self, retry},
};

/// The retries of one command.
pub(super) struct Retrier<'a> {
    context: &'a CommandContext,
    graph: &'a GraphClient,
    limits: upload::Limits,
}

impl<'a> Retrier<'a> {
    pub(super) fn new(context: &'a CommandContext, graph: &'a GraphClient) -> Self {
        Retrier {
            context,
            graph,
            limits: context.limits(upload::plan::CHUNK),
        }
    }

    /// Makes a request until it is answered, or hopeless, or enough.
    pub(super) async fn repeat<T>(
        &self,
        request: impl AsyncFn() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut attempt = 0;
        loop {
            match request().await {
                Err(error) if error.kind.temporary() => {
                    attempt += 1;
                    self.wait(&error, attempt, Duration::ZERO).await?;
                }
                result => return result,
            }
        }
    }

    /// Whether the time limit of the command ends before a wait of `delay`.
    pub(super) fn is_over_after(&self, delay: Duration) -> bool {
        let over = |deadline| self.context.started.elapsed() + delay >= deadline;
        self.limits.deadline.is_some_and(over)
    }

    /// Waits before try number `attempt` after `error`, at least `least`; gives the error back when
    /// it was one too many, or when the time would be over.
    pub(super) async fn wait(
        &self,
        error: &Error,
        attempt: u32,
        least: Duration,
    ) -> Result<(), Error> {
        if attempt > self.limits.max_retries {
            return Err(error.clone());
        }
        let delay = retry::delay(error.kind, attempt, error.retry_after, fastrand::f64());
        let delay = delay.max(least);
        if self.is_over_after(delay) {
            return Err(error.clone());
        }
        if error.status == Some(503) {
            self.graph.reconnect();
        }
        self.context.printer.status(&format!(
            "{error}; trying again in {} ({attempt} of {})",
            human::remaining(delay),
            self.limits.max_retries
        ));
        tokio::time::sleep(delay).await;
        Ok(())
    }
}
