//! Faults on purpose: every operation that changes something passes through one gate.
//!
//! A test runs an operation with `n = 1, 2, …`, lets the gate refuse the n-th change, and looks at what lies on the
//! disk, until nothing was refused any more. This is how SQLite is tested, and it reaches every point at which a disk
//! can be full or a process can be killed, in milliseconds and without privileges.
//!
//! A killed process runs no destructor and removes no temporary file. [`Faults::kill_at`] therefore refuses the n-th
//! change *and all later ones*, clean-up included: what is left is what SIGKILL leaves.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::io::Errno;

/// A kind of change to the file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Creating a file that has no name yet.
    Stage,
    /// Creating a file with a name.
    Create,
    /// Writing bytes.
    Write,
    /// Setting the size of a file.
    Resize,
    /// Reserving space for a file.
    Reserve,
    /// Setting permissions.
    Mode,
    /// Setting owner and group.
    Own,
    /// Flushing one file.
    SyncFile,
    /// Flushing a directory.
    SyncDirectory,
    /// Flushing a file system.
    SyncAll,
    /// Giving a file a name.
    Link,
    /// Moving a name.
    Rename,
    /// Exchanging two names.
    Exchange,
    /// Creating a directory.
    MakeDirectory,
    /// Removing a name.
    Unlink,
    /// Taking a lock.
    Lock,
}

/// What the gate refuses.
#[derive(Debug, Clone, Copy)]
enum Rule {
    Nothing,
    KillAt(u64),
    FailAt(u64, Errno),
    FailFrom(u64, Errno),
}

type Hook = Box<dyn Fn() + Send + Sync>;

struct FaultPlan {
    rule: Rule,
    /// What the file system lacks.
    lacking: Vec<(Operation, Errno)>,
    /// How much room the file system says that it has.
    room: Option<u64>,
    /// What happens just before changes of a kind.
    meanwhile: Vec<(Operation, Hook)>,
    operations: AtomicU64,
    refused: AtomicU64,
    /// Whether a name was given, moved or taken away.
    changed: AtomicBool,
}

/// The gate. Cloning gives another handle on the same gate.
#[derive(Debug, Clone, Default)]
pub struct Faults(Option<Arc<FaultPlan>>);

/// The answer of a gate that refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    /// What the operating system would have said.
    pub(super) errno: Errno,
    /// Whether a write gets half of its bytes down first, as it does on a disk that fills up or in a process that dies.
    pub(super) torn: bool,
}

impl Faults {
    /// A gate that is open and counts nothing.
    pub const fn none() -> Self {
        Self(None)
    }

    fn of(rule: Rule) -> Self {
        Self(Some(Arc::new(FaultPlan {
            rule,
            lacking: Vec::new(),
            room: None,
            meanwhile: Vec::new(),
            operations: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            changed: AtomicBool::new(false),
        })))
    }

    /// A gate that is open and counts.
    pub fn count() -> Self {
        Self::of(Rule::Nothing)
    }

    /// The process "dies" at the `n`-th change (counted from 1): it and everything after it fails.
    pub fn kill_at(n: u64) -> Self {
        Self::of(Rule::KillAt(n))
    }

    /// The `n`-th change fails with `errno`, once.
    pub fn fail_at(n: u64, errno: Errno) -> Self {
        Self::of(Rule::FailAt(n, errno))
    }

    /// The `n`-th change and all later ones fail with `errno`.
    pub fn fail_from(n: u64, errno: Errno) -> Self {
        Self::of(Rule::FailFrom(n, errno))
    }

    /// In addition, every change of this kind fails with `errno`: the file system cannot do it. Has no effect on a handle
    /// that was cloned already.
    pub fn lacking(mut self, operation: Operation, errno: Errno) -> Self {
        if let Some(plan) = self.0.as_mut().and_then(Arc::get_mut) {
            plan.lacking.push((operation, errno));
        }
        self
    }

    /// In addition, the file system says that it has room for so many bytes and no more. Has no effect on a handle that was cloned
    /// already.
    pub fn with_room(mut self, bytes: u64) -> Self {
        if let Some(plan) = self.0.as_mut().and_then(Arc::get_mut) {
            plan.room = Some(bytes);
        }
        self
    }

    /// What the file system says instead of the truth.
    pub(super) fn room(&self) -> Option<u64> {
        self.0.as_ref().and_then(|plan| plan.room)
    }

    /// In addition, runs `hook` just before every change of this kind: a program that writes at the worst moment. Has no
    /// effect on a handle that was cloned already.
    pub fn meanwhile(mut self, operation: Operation, hook: impl Fn() + Send + Sync + 'static) -> Self {
        if let Some(plan) = self.0.as_mut().and_then(Arc::get_mut) {
            plan.meanwhile.push((operation, Box::new(hook)));
        }
        self
    }

    /// How many changes came to the gate.
    pub fn operations(&self) -> u64 {
        self.0.as_ref().map_or(0, |plan| plan.operations.load(Ordering::SeqCst))
    }

    /// How many of them the rule refused.
    pub fn refused(&self) -> u64 {
        self.0.as_ref().map_or(0, |plan| plan.refused.load(Ordering::SeqCst))
    }

    /// Whether something was changed that another process sees: a name was given, moved or taken away. Only a gate that counts
    /// knows it.
    pub fn changed(&self) -> bool {
        self.0.as_ref().is_some_and(|plan| plan.changed.load(Ordering::SeqCst))
    }

    /// Notes that a change was made.
    #[inline]
    pub(super) fn done(&self, operation: Operation) {
        use Operation::{Exchange, Link, MakeDirectory, Rename, Unlink};
        if let Some(plan) = &self.0
            && matches!(operation, Link | Rename | Exchange | MakeDirectory | Unlink)
        {
            plan.changed.store(true, Ordering::SeqCst);
        }
    }

    /// Lets a change through, or says how it fails.
    #[inline]
    pub(super) fn gate(&self, operation: Operation) -> Result<(), Fault> {
        match &self.0 {
            None => Ok(()),
            Some(plan) => plan.decide(operation),
        }
    }
}

impl FaultPlan {
    fn decide(&self, operation: Operation) -> Result<(), Fault> {
        let number = self.operations.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        let fault = match self.rule {
            // An error number that nothing here handles or retries.
            Rule::KillAt(n) if number >= n => Some(Fault { errno: Errno::CANCELED, torn: number == n }),
            Rule::FailAt(n, errno) if number == n => Some(Fault { errno, torn: errno == Errno::NOSPC }),
            Rule::FailFrom(n, errno) if number >= n => Some(Fault { errno, torn: errno == Errno::NOSPC }),
            _ => None,
        };
        if let Some(fault) = fault {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Err(fault);
        }
        if let Some((_, errno)) = self.lacking.iter().find(|(lacking, _)| *lacking == operation) {
            return Err(Fault { errno: *errno, torn: false });
        }
        for (_, hook) in self.meanwhile.iter().filter(|(before, _)| *before == operation) {
            hook();
        }
        Ok(())
    }
}

impl fmt::Debug for FaultPlan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} and lacking {:?} after {:?} operations", self.rule, self.lacking, self.operations)
    }
}
