//! A web server for the files of a folder.
//!
//! ```text
//! cargo run --release --example static_files              serves a temporary folder, fetches from it, reports, ends
//! cargo run --release --example static_files -- FOLDER    serves a folder until Ctrl-C
//! cargo test -p aside-static-files                        fetches what is there, and tries to get at what is not
//! ```
//!
//! The runtime has one thread, for all connections. It never opens, asks about or reads a file: offload threads do.
//!
//! Where to look: `root.rs` opens files and `body.rs` reads them, which is how the crate is used; `answer.rs` says what
//! is answered, `path.rs` and `range.rs` read the request, `server.rs` keeps the connections.

mod answer;
mod body;
mod demonstration;
mod options;
mod path;
mod range;
mod root;
mod server;

use options::{HELP, Options};
use root::Root;
use server::Server;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

/// The command line asks for what does not exist.
const BAD_USAGE: u8 = 2;

fn main() -> ExitCode {
    let done = match Options::parse(lexopt::Parser::from_env()) {
        Ok(Options::Help) => {
            // Whoever asks for help and closes the pipe has read enough.
            let _ = io::stdout().write_all(HELP.as_bytes());
            Ok(())
        }
        Ok(Options::Serve { folder, listen }) => serve(&folder, listen).map_err(|error| error.to_string()),
        Ok(Options::Demonstrate) => demonstration::run().map_err(|error| error.to_string()),
        Err(complaint) => {
            let _ = write!(io::stderr(), "static_files: {complaint}\n\n{HELP}");
            return ExitCode::from(BAD_USAGE);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaint) => {
            let _ = writeln!(io::stderr(), "static_files: {complaint}");
            ExitCode::FAILURE
        }
    }
}

fn serve(folder: &Path, listen: SocketAddr) -> io::Result<()> {
    let root = Root::open(folder)?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let server = Server::bind(listen, root).await?;
        let mut out = io::stdout();
        writeln!(out, "http://{}", server.address()?)?;
        out.flush()?;
        server
            .run_until(async {
                // If Ctrl-C cannot be heard, it ends the program as it always does.
                if tokio::signal::ctrl_c().await.is_err() {
                    std::future::pending().await
                }
            })
            .await;
        Ok(())
    })
}
