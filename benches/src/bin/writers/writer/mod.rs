//! Who writes.

mod appender;
mod aside;
mod channel;
mod direct;
mod limit;
mod mutex;
mod unblock;

pub(crate) use self::appender::Appender;
pub(crate) use self::aside::Aside;
pub(crate) use self::mutex::Buffered;

use self::channel::Channel;
use self::direct::Direct;
use self::limit::Copying;
use self::unblock::Unblocked;
use ::aside::log::Order;
use std::fs::File;
use std::thread;
use std::time::Duration;

/// Of those that gather records before they write.
pub(crate) const BUFFER: usize = 64 * 1024;
/// Of a thread of aside's, by default.
const RING: usize = 256 * 1024;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Writer {
    /// No writer: a copy into memory; or, where the throughput is what counts, a loop that writes 64 KiB at a time.
    Limit,
    /// The same copy, into as much memory as a ring has: so much of the time is the memory's.
    LimitRing,
    Aside,
    AsidePerThread,
    Appender,
    Mutex,
    Channel,
    Direct,
    Unblock,
}

impl Writer {
    pub(crate) const ALL: [Self; 9] = [
        Self::Limit,
        Self::LimitRing,
        Self::Aside,
        Self::AsidePerThread,
        Self::Appender,
        Self::Mutex,
        Self::Channel,
        Self::Direct,
        Self::Unblock,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::LimitRing => "limit-ring",
            Self::Aside => "aside",
            Self::AsidePerThread => "aside-perthread",
            Self::Appender => "tracing-appender",
            Self::Mutex => "mutex",
            Self::Channel => "channel",
            Self::Direct => "direct",
            Self::Unblock => "unblock",
        }
    }

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::LimitRing => "limit, 256 KiB",
            Self::Mutex => "Mutex<BufWriter>",
            Self::Channel => "channel + BufWriter",
            Self::Direct => "direct write",
            Self::Unblock => "blocking::Unblock",
            other => other.name(),
        }
    }

    /// Whether nothing is written.
    pub(crate) fn is_limit(self) -> bool {
        matches!(self, Self::Limit | Self::LimitRing)
    }

    /// Whether each record makes it write, so that it takes its time.
    pub(crate) fn is_slow(self) -> bool {
        matches!(self, Self::Appender | Self::Direct | Self::Unblock)
    }

    /// Makes it and calls the visitor with it.
    pub(crate) fn with<V: Visitor>(self, file: File, visitor: V) -> V::Output {
        match self {
            Self::Limit => visitor.visit(Copying(BUFFER)),
            Self::LimitRing => visitor.visit(Copying(RING)),
            Self::Aside => visitor.visit(Aside::new(file, Order::Causal)),
            Self::AsidePerThread => visitor.visit(Aside::new(file, Order::PerThread)),
            Self::Appender => visitor.visit(Appender::new(file)),
            Self::Mutex => visitor.visit(Buffered::new(file)),
            Self::Channel => visitor.visit(Channel::new(file)),
            Self::Direct => visitor.visit(Direct(file)),
            Self::Unblock => visitor.visit(Unblocked::new(file)),
        }
    }
}

pub(crate) trait Visitor {
    type Output;
    fn visit<L: Logger>(self, logger: L) -> Self::Output;
}

/// A log writer as its users see it.
pub(crate) trait Logger: Sync {
    /// What one thread logs by, and makes for itself.
    type Handle<'a>: Handle
    where
        Self: 'a;

    fn handle(&self) -> Self::Handle<'_>;

    /// Waits until all is written that was logged. Those that cannot be asked to are given time.
    fn settle(&self) {
        thread::sleep(Duration::from_millis(5));
    }

    /// How often a record woke the thread that writes, if that is known.
    fn wakes(&self) -> Option<u64> {
        None
    }

    /// Ends it the way its users do, which should write all that was logged.
    fn finish(self);
}

pub(crate) trait Handle {
    /// One record.
    fn log(&mut self, record: &[u8]);
}
