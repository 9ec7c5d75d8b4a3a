//! Settings of servers: what they name, and what they start.

pub(super) mod cron;
pub(super) mod nginx;
pub(super) mod supervisord;
#[cfg(test)]
mod tests;

/// A text is not what its reader expects; the line.
pub(super) type Lost = usize;
