//! The folder that is served.

use aside::{Group, JobError};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use std::fs::File;
use std::io::{self, ErrorKind, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How many files may be read at the same moment. A lane holds a thread only while it reads, so this is about the disk, and not about
/// how many connections there may be.
const MAX_THREADS: usize = 16;

/// Everything in a folder, and nothing outside of it: `Dir` refuses paths and symlinks that lead out.
#[derive(Clone)]
pub(crate) struct Root {
    folder: Arc<Dir>,
    group: Group,
}

/// An open file, and what is to be read of it.
pub(crate) struct Found {
    pub(crate) file: File,
    pub(crate) length: u64,
}

impl Root {
    /// Blocks: at the start there is nobody to disturb.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let group = Group::builder().name("files").max_threads(MAX_THREADS).build()?;
        let folder = Dir::open_ambient_dir(folder, ambient_authority())?;
        Ok(Self { folder: Arc::new(folder), group })
    }

    /// Whose threads open and read the files.
    pub(crate) fn group(&self) -> &Group {
        &self.group
    }

    /// Opens a file. `None` if there is none that may be served.
    ///
    /// A client that goes away drops the future, and that takes a job which has not begun out of the queue.
    pub(crate) async fn find(&self, path: PathBuf) -> io::Result<Option<Found>> {
        let folder = self.folder.clone();
        // One job for all three: each is short, and the way there and back is not for nothing.
        let found = self.group.offload(move || -> io::Result<_> {
            // Before it is opened, as opening a pipe waits for somebody who writes to it.
            if !folder.metadata(&path)?.is_file() {
                return Ok(None);
            }
            let file = folder.open(&path)?.into_std();
            let metadata = file.metadata()?;
            Ok(metadata.is_file().then_some(Found { file, length: metadata.len() }))
        });
        match found.catch().await.map_err(no_answer)? {
            Err(error) if is_nothing(error.kind()) => Ok(None),
            found => found,
        }
    }

    /// Lets the next read begin where the part does.
    pub(crate) async fn skip_to(&self, part: &Range<u64>, mut file: File) -> io::Result<File> {
        let start = SeekFrom::Start(part.start);
        let sought = self.group.offload(move || file.seek(start).map(|_| file));
        sought.catch().await.map_err(no_answer)?
    }
}

/// Whether nobody needs to know more than that there is no such file. A path that leads out of the folder is "not permitted".
fn is_nothing(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::NotADirectory
            | ErrorKind::InvalidFilename
            | ErrorKind::InvalidInput
    )
}

fn no_answer(error: JobError) -> io::Error {
    io::Error::other(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn is_found(root: &Root, path: &str) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(root.find(path.into())).unwrap().is_some()
    }

    #[test]
    fn nothing_outside_of_the_folder() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "secret").unwrap();
        let inside = outside.path().join("served");
        fs::create_dir_all(inside.join("deeper")).unwrap();
        fs::write(inside.join("public"), "public").unwrap();
        let root = Root::open(&inside).unwrap();
        assert!(is_found(&root, "public"));
        // `path::decode` lets none of these come here; they must not depend on it.
        assert!(!is_found(&root, "../secret"));
        assert!(!is_found(&root, "deeper/../../secret"));
        assert!(!is_found(&root, outside.path().join("secret").to_str().unwrap()));
        assert!(!is_found(&root, "deeper"));
        assert!(!is_found(&root, "public/deeper"));
        assert!(!is_found(&root, &"long".repeat(100)));
    }
}
