//! What is read.

use aside::io::Offloaded;
use aside::offload;
use futures::io::{AsyncBufRead, BufReader};
use std::fs::File;
use std::io;
use std::path::Path;

/// What a read from stdin may bring: a whole pipe's content.
const STDIN_BUFFER: usize = 64 * 1024;

pub(crate) struct Source {
    pub(crate) reader: Box<dyn AsyncBufRead + Unpin>,
    /// Known of files only.
    pub(crate) length: Option<u64>,
}

impl Source {
    pub(crate) async fn open(path: &Path) -> io::Result<Self> {
        if path.as_os_str() == "-" {
            let reader = BufReader::with_capacity(STDIN_BUFFER, aside::io::stdin());
            return Ok(Self { reader: Box::new(reader), length: None });
        }
        let path = path.to_owned();
        // Opening may take long as well: on a network, or of a pipe that nobody writes to yet.
        let (file, metadata) = offload(move || -> io::Result<_> {
            let file = File::open(path)?;
            let metadata = file.metadata()?;
            Ok((file, metadata))
        })
        .await?;
        let length = metadata.is_file().then_some(metadata.len());
        Ok(Self { reader: Box::new(Offloaded::new(file)), length })
    }
}
