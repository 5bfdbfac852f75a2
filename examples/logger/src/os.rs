//! What only the system can do: stdout without the standard library's buffer, pipes.

#[cfg(unix)]
pub(crate) use unix::{is_same_file, kind, pipe, stdout};

#[cfg(not(unix))]
pub(crate) use elsewhere::{is_same_file, kind, pipe, stdout};

#[cfg(unix)]
mod unix {
    use std::fs::File;
    use std::io::{self, IsTerminal};
    use std::os::fd::AsFd;
    use std::os::unix::fs::{FileTypeExt, MetadataExt};

    /// Stdout, such that each write is one system call: `std::io::Stdout` would put a line buffer between.
    pub(crate) fn stdout() -> io::Result<File> {
        io::stdout().as_fd().try_clone_to_owned().map(File::from)
    }

    pub(crate) fn kind(file: &File) -> &'static str {
        let Ok(kind) = file.metadata().map(|metadata| metadata.file_type()) else { return "stdout" };
        match kind {
            _ if file.is_terminal() => "a terminal",
            kind if kind.is_fifo() => "a pipe",
            kind if kind.is_file() => "a file",
            kind if kind.is_socket() => "a socket",
            _ => "a device",
        }
    }

    pub(crate) fn is_same_file(one: &File, other: &File) -> io::Result<bool> {
        let (one, other) = (one.metadata()?, other.metadata()?);
        Ok(one.is_file() && (one.dev(), one.ino()) == (other.dev(), other.ino()))
    }

    /// The reading end and the writing end.
    pub(crate) fn pipe() -> io::Result<(File, File)> {
        let (reader, writer) = rustix::pipe::pipe()?;
        Ok((reader.into(), writer.into()))
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use std::fs::File;
    use std::io;

    pub(crate) fn stdout() -> io::Result<File> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "this example needs Unix"))
    }

    pub(crate) fn kind(_: &File) -> &'static str {
        "stdout"
    }

    pub(crate) fn is_same_file(_: &File, _: &File) -> io::Result<bool> {
        Ok(false)
    }

    pub(crate) fn pipe() -> io::Result<(File, File)> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "this example needs Unix"))
    }
}
