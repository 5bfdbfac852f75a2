//! Settings of an `Offloaded`.

use super::offloaded::Offloaded;
use super::rewind::{Rewind, known_rewind};
use crate::group::Group;
use crate::lane::Lane;
use std::io::{Seek, SeekFrom};

/// Settings of an [`Offloaded`]. Made by [`Offloaded::builder`].
///
/// ```
/// use aside::{Group, io::Offloaded};
///
/// let group = Group::builder().name("disk").nice(10).build()?;
/// let file = tempfile::tempfile()?;
/// let file = Offloaded::builder().group(&group).read_buffer(64 * 1024).build(file);
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct OffloadedBuilder {
    group: Option<Group>,
    read_buffer: Option<usize>,
    write_buffer: Option<usize>,
}

impl OffloadedBuilder {
    /// So much is there only for who has to sleep for what he reads: measured with a file in memory of 1 GiB, by `AsyncBufRead`, against a plain loop of reads, 0.8 of
    /// its speed with 4 MiB, 0.93 to 0.96 with 8 MiB, no more with 16 MiB. Who need not sleep for it stays at 1 MiB.
    const READ_BUFFER: usize = 8 * 1024 * 1024;
    const WRITE_BUFFER: usize = 1024 * 1024;

    /// The group whose threads read and write. Without it, [`Group::global`].
    #[must_use]
    pub fn group(mut self, group: &Group) -> Self {
        self.group = Some(group.clone());
        self
    }

    /// How many bytes to read ahead at the most; 8 MiB by default. Less than 4 counts as 4.
    ///
    /// They are read in chunks, of 16 KiB at first, and larger ones as long as reads fill them: up to 4 of 1 MiB, or of a file 8 of 128 KiB, and
    /// more only if its user turns out to be faster than the file. All is given back at the end.
    #[must_use]
    pub fn read_buffer(mut self, bytes: usize) -> Self {
        self.read_buffer = Some(bytes);
        self
    }

    /// How many accepted bytes may wait to be written; 1 MiB by default. As many again may be on their way. 0 counts as 1.
    #[must_use]
    pub fn write_buffer(mut self, bytes: usize) -> Self {
        self.write_buffer = Some(bytes);
        self
    }

    /// The adapter around a reader or writer. Starts no thread. Of a type that can seek without this crate's knowing, use
    /// [`build_seekable`](Self::build_seekable).
    pub fn build<T: Send + 'static>(self, inner: T) -> Offloaded<T> {
        self.build_with(inner, known_rewind())
    }

    /// The adapter around a reader or writer that has one position for both: a write after a read then takes place where the user has
    /// read to, and not where reading ahead has come to. [`build`](Self::build) does that by itself for `File`, `Cursor<Vec<u8>>` and `BufReader<File>`;
    /// and for a file that turns out to be a pipe or a terminal, neither does.
    pub fn build_seekable<T: Seek + Send + 'static>(self, inner: T) -> Offloaded<T> {
        self.build_with(inner, Some(|inner, by| inner.seek(SeekFrom::Current(by))))
    }

    fn build_with<T: Send + 'static>(self, inner: T, rewind: Option<Rewind<T>>) -> Offloaded<T> {
        let group = self.group.unwrap_or_else(|| Group::global().clone());
        let lane = Lane::builder().group(&group).build(inner);
        let read_buffer = self.read_buffer.unwrap_or(Self::READ_BUFFER);
        Offloaded::with_lane(lane, read_buffer, self.write_buffer.unwrap_or(Self::WRITE_BUFFER), rewind)
    }
}
