//! What is written.

use aside::io::Offloaded;
use aside::offload;
use futures::io::AsyncWrite;
use same_file::is_same_file;
use std::fs::File;
use std::io;
use std::path::Path;

/// An empty file, or stdout. Not the file that is going to be read, by whatever name: that would be empty then.
pub(crate) async fn create(path: &Path, source: &Path) -> io::Result<Box<dyn AsyncWrite + Unpin>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(aside::io::stdout()));
    }
    let (path, source) = (path.to_owned(), source.to_owned());
    let file = offload(move || {
        // If there is no such file yet, it is another one.
        if source.as_os_str() != "-" && is_same_file(&path, &source).unwrap_or(false) {
            return Err(io::Error::other("it is what is read"));
        }
        File::create(path)
    })
    .await?;
    Ok(Box::new(Offloaded::new(file)))
}
