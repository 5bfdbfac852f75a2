//! How to take back what was read ahead.

use std::any::{Any, TypeId};
use std::fs::File;
use std::io::{self, BufReader, Cursor, ErrorKind, Seek, SeekFrom};

/// Moves the position by so much.
pub(super) type Rewind<T> = fn(&mut T, i64) -> io::Result<u64>;

/// As much as a file's position says: some devices claim to have moved, and have none. What was read of them must stay.
fn rewind_file(file: &mut File, by: i64) -> io::Result<u64> {
    let before = file.stream_position()?;
    let after = file.seek(SeekFrom::Current(by))?;
    if after.checked_add_signed(-by) == Some(before) { Ok(after) } else { Err(ErrorKind::NotSeekable.into()) }
}

/// For the types that are known to have one position for reading and writing.
pub(super) fn known_rewind<T: 'static>() -> Option<Rewind<T>> {
    fn of<T: 'static, S: Seek + 'static>() -> Option<Rewind<T>> {
        let rewind: Rewind<T> = |inner, by| {
            let inner = inner as &mut dyn Any;
            if let Some(file) = inner.downcast_mut() {
                return rewind_file(file, by);
            }
            match inner.downcast_mut::<S>() {
                Some(inner) => inner.seek(SeekFrom::Current(by)),
                None => Err(ErrorKind::NotSeekable.into()),
            }
        };
        (TypeId::of::<T>() == TypeId::of::<S>()).then_some(rewind)
    }
    of::<T, File>().or_else(of::<T, Cursor<Vec<u8>>>).or_else(of::<T, BufReader<File>>)
}
