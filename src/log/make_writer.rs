//! The writer under the fmt layer of tracing-subscriber.

use super::builder::Overflow;
use super::record_writer::RecordWriter;
use super::writer::Writer;
use std::borrow::Cow;
use std::fmt;
use tracing_core::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// Events become records, each one whole: `tracing_subscriber::fmt().with_writer(log.clone()).init()`.
///
/// ```
/// let (log, guard) = aside::log::Writer::builder().sink(std::io::sink()).build()?;
/// # let subscriber =
/// tracing_subscriber::fmt().with_writer(log.clone()); // and `.init()`
/// # tracing::subscriber::with_default(subscriber.finish(), || {
/// tracing::info!(answer = 42, "an event");
/// # });
/// let report = guard.close(std::time::Duration::from_secs(10));
/// assert_eq!(report.written, 1);
/// # std::io::Result::Ok(())
/// ```
impl<'a> MakeWriter<'a> for Writer {
    type Writer = RecordWriter<'a>;

    #[inline]
    fn make_writer(&'a self) -> RecordWriter<'a> {
        RecordWriter::new(Cow::Borrowed(self), None)
    }
}

/// A [`MakeWriter`] whose severe events are not dropped. Made by [`Writer::blocking_from`].
#[derive(Clone)]
pub struct BlockingFrom {
    writer: Writer,
    level: Level,
}

impl Writer {
    /// The same for a fmt layer, but that events of this level, and of more severe ones, wait for room ([`Overflow::Block`]), whatever
    /// [`Builder::overflow`](super::Builder::overflow) says of the rest.
    ///
    /// Needs the feature `tracing`.
    ///
    /// ```
    /// use aside::log::{Overflow, Writer};
    /// use tracing::Level;
    ///
    /// let (log, guard) = Writer::builder().overflow(Overflow::DropNewest).sink(std::io::sink()).build()?;
    /// # let subscriber =
    /// tracing_subscriber::fmt().with_writer(log.blocking_from(Level::WARN)); // and `.init()`
    /// # tracing::subscriber::with_default(subscriber.finish(), || {
    /// tracing::info!("may be dropped");
    /// tracing::warn!("is waited for, as are errors");
    /// # });
    /// # std::io::Result::Ok(())
    /// ```
    pub fn blocking_from(&self, level: Level) -> BlockingFrom {
        BlockingFrom { writer: self.clone(), level }
    }
}

impl<'a> MakeWriter<'a> for BlockingFrom {
    type Writer = RecordWriter<'a>;

    #[inline]
    fn make_writer(&'a self) -> RecordWriter<'a> {
        self.writer.make_writer()
    }

    #[inline]
    fn make_writer_for(&'a self, event: &Metadata<'_>) -> RecordWriter<'a> {
        // The more severe, the less.
        let overflow = (*event.level() <= self.level).then_some(Overflow::Block);
        RecordWriter::new(Cow::Borrowed(&self.writer), overflow)
    }
}

impl fmt::Debug for BlockingFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingFrom").field("level", &self.level).finish_non_exhaustive()
    }
}
