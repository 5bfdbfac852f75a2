//! Where the records go.

use aside_benches::record::{LENGTH, Record};
use aside_benches::written::{Written, file_in_memory};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Sink {
    /// `/dev/null`.
    Null,
    /// A file in memory.
    File,
    /// A pipe to a `cat` that writes to `/dev/null`.
    Pipe,
}

impl Sink {
    pub(crate) const ALL: [Self; 3] = [Self::Null, Self::File, Self::Pipe];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::File => "file",
            Self::Pipe => "pipe",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Null => "/dev/null",
            Self::File => "file in memory",
            Self::Pipe => "pipe to cat",
        }
    }

    pub(crate) fn open(self) -> Open {
        let null = || OpenOptions::new().write(true).open("/dev/null").expect("is there");
        let (file, behind) = match self {
            Self::Null => (null(), Behind::Nothing),
            Self::File => {
                let file = file_in_memory().expect("a file");
                let same = file.try_clone().expect("a descriptor");
                (file, Behind::File(same))
            }
            Self::Pipe => {
                let mut cat =
                    Command::new("cat").stdin(Stdio::piped()).stdout(null()).spawn().expect("there is a cat");
                let pipe = cat.stdin.take().expect("is a pipe");
                (OwnedFd::from(pipe).into(), Behind::Cat(cat))
            }
        };
        Open { file: Some(file), behind, before: Written::so_far() }
    }
}

/// A sink, and what is known about it besides.
pub(crate) struct Open {
    file: Option<File>,
    behind: Behind,
    before: Written,
}

enum Behind {
    Nothing,
    File(File),
    Cat(Child),
}

/// What was written.
pub(crate) struct Found {
    /// Records. Of a torn one, the part.
    pub(crate) records: f64,
    /// Calls of the system per record.
    pub(crate) writes: f64,
}

impl Open {
    /// For the writer. Once.
    pub(crate) fn take(&mut self) -> File {
        self.file.take().expect("is asked for once")
    }

    /// What this process has written since it was opened.
    pub(crate) fn found(&self) -> Found {
        let written = Written::since(self.before);
        let records = written.bytes as f64 / LENGTH as f64;
        Found { records, writes: written.calls as f64 / records }
    }

    /// Looks into the file: those of each thread must be there, whole and in order. `None` if there is nothing to look into.
    ///
    /// # Panics
    ///
    /// If there is anything else in it.
    pub(crate) fn check(&mut self, threads: usize) -> Option<usize> {
        let Behind::File(file) = &mut self.behind else { return None };
        file.rewind().expect("is a file");
        let mut file = BufReader::with_capacity(1 << 20, file);
        let (mut found, mut expected) = ([0; LENGTH], Record::blank());
        let (mut next, mut records) = (vec![0; threads], 0);
        while file.read_exact(&mut found).is_ok() {
            let number = u64::from_le_bytes(found[..8].try_into().expect("eight"));
            let (thread, number) = ((number >> 56) as usize, number & (u64::MAX >> 8));
            assert!(thread < threads && number >= next[thread], "out of order: {number} of thread {thread}");
            assert_eq!(found, expected.numbered(numbered(thread, number)), "is whole");
            next[thread] = number + 1;
            records += 1;
        }
        Some(records)
    }

    /// How many lines are in the file. `None` if there is none.
    pub(crate) fn lines(&mut self) -> Option<usize> {
        let Behind::File(file) = &mut self.behind else { return None };
        file.rewind().expect("is a file");
        Some(BufReader::with_capacity(1 << 20, file).split(b'\n').count())
    }
}

/// A record's number, with its thread's.
pub(crate) fn numbered(thread: usize, number: u64) -> u64 {
    (thread as u64) << 56 | number
}

impl Drop for Open {
    /// The reader comes to its end when the writer has closed the pipe.
    fn drop(&mut self) {
        drop(self.file.take());
        if let Behind::Cat(cat) = &mut self.behind {
            // A writer that is never dropped keeps the pipe open.
            let _ = cat.kill();
            let _ = cat.wait();
        }
    }
}
