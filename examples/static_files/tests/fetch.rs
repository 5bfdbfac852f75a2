//! The server as a program, and a client that has nothing in common with it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};

const PATIENCE: Duration = Duration::from_secs(60);

/// Serves `served`, beside which there is a `secret`.
struct Server {
    child: Child,
    address: String,
    folder: TempDir,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("secret"), "secret").unwrap();
        let served = folder.path().join("served");
        fs::create_dir_all(served.join("deeper")).unwrap();
        fs::write(served.join("index.html"), "<p>welcome</p>").unwrap();
        fs::write(served.join("deeper/a file.txt"), "0123456789").unwrap();
        fs::write(served.join("empty"), "").unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_aside-static-files"))
            .arg(&served)
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("http://").unwrap().to_owned();
        Self { child, address, folder }
    }

    fn served(&self) -> std::path::PathBuf {
        self.folder.path().join("served")
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn get(&self, path: &str) -> Response<Body> {
        agent().get(self.url(path)).call().unwrap()
    }

    /// Exactly these bytes, which a well-behaved client might not send; the status line and all that follows.
    fn say(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "{request} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn agent() -> Agent {
    let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE));
    Agent::new_with_config(config.build())
}

fn header<'a>(response: &'a Response<Body>, name: &str) -> &'a str {
    response.headers().get(name).map_or("(none)", |value| value.to_str().unwrap())
}

fn bytes_of(mut response: Response<Body>) -> Vec<u8> {
    response.body_mut().with_config().limit(u64::MAX).read_to_vec().unwrap()
}

fn random(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    fastrand::Rng::with_seed(length as u64).fill(&mut bytes);
    bytes
}

#[test]
fn a_small_file() {
    let server = Server::start();
    let response = server.get("/deeper/a%20file.txt");
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, "content-length"), "10");
    assert_eq!(header(&response, "content-type"), "text/plain");
    assert_eq!(bytes_of(response), b"0123456789");

    let response = server.get("/");
    assert_eq!(header(&response, "content-type"), "text/html");
    assert_eq!(bytes_of(response), b"<p>welcome</p>");

    let response = server.get("/empty");
    assert_eq!((response.status(), header(&response, "content-length")), (StatusCode::OK, "0"));
    assert_eq!(bytes_of(response), b"");
}

#[test]
fn a_large_file_byte_by_byte() {
    let server = Server::start();
    let bytes = random(32 << 20);
    fs::write(server.served().join("large"), &bytes).unwrap();
    let response = server.get("/large");
    assert_eq!(header(&response, "content-length"), bytes.len().to_string());
    assert!(bytes_of(response) == bytes);
}

#[test]
fn what_is_not_there() {
    let server = Server::start();
    for path in ["/nothing", "/deeper", "/deeper/", "/deeper/a%20file.txt/", "/index.html/more", "/a%00"] {
        let response = server.get(path);
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(bytes_of(response), b"404 Not Found\n");
    }
}

#[test]
fn no_path_leads_out() {
    let server = Server::start();
    assert!(server.say("GET /index.html").contains("welcome"));
    let absolute = server.folder.path().join("secret");
    let absolute = absolute.to_str().unwrap();
    for path in [
        "/../secret",
        "/deeper/../../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/.%2e%2Fsecret",
        "/%2e%2e%2fsecret",
        "/%252e%252e/secret",
        "/..%5csecret",
        "/./../secret",
        "//../secret",
        absolute,
        &format!("/{absolute}"),
        &absolute.replace('/', "%2f"),
        &format!("/{}", absolute.replace('/', "%2F")),
    ] {
        let answer = server.say(&format!("GET {path}"));
        let status = answer.lines().next().unwrap_or_default();
        // What is no path at all, hyper refuses.
        assert!(["404", "400"].contains(&status.split(' ').nth(1).unwrap_or_default()), "{path}: {answer}");
        assert!(!answer.contains("\r\n\r\nsecret"), "{path}: {answer}");
    }
    // A client's own way to say it.
    assert_eq!(server.get("/../secret").status(), StatusCode::NOT_FOUND);
}

#[cfg(unix)]
#[test]
fn no_symlink_leads_out() {
    use std::os::unix::fs::symlink;

    let server = Server::start();
    let link = |target: &Path, name: &str| symlink(target, server.served().join(name)).unwrap();
    link(Path::new("../secret"), "relative");
    link(&server.folder.path().join("secret"), "absolute");
    link(server.folder.path(), "outside");
    link(Path::new("relative"), "twice");
    link(Path::new("circle"), "circle");
    link(Path::new("deeper/a file.txt"), "inside");
    for path in ["/relative", "/absolute", "/outside/secret", "/outside/served/index.html", "/twice"] {
        assert_eq!(server.get(path).status(), StatusCode::NOT_FOUND, "{path}");
    }
    assert_ne!(server.get("/circle").status(), StatusCode::OK);
    assert_eq!(bytes_of(server.get("/inside")), b"0123456789");
}

/// A pipe would keep whoever opens it until somebody writes to it.
#[cfg(unix)]
#[test]
fn only_files() {
    let server = Server::start();
    let made = Command::new("mkfifo").arg(server.served().join("pipe")).status().unwrap();
    assert!(made.success());
    for _ in 0..40 {
        assert_eq!(server.get("/pipe").status(), StatusCode::NOT_FOUND);
    }
}

#[test]
fn the_head_alone() {
    let server = Server::start();
    let agent = agent();
    for _ in 0..2 {
        // Twice over one connection: a body would be taken for the next response.
        let response = agent.head(server.url("/deeper/a%20file.txt")).call().unwrap();
        assert_eq!((response.status(), header(&response, "content-length")), (StatusCode::OK, "10"));
        assert_eq!(bytes_of(response), b"");
    }
    assert_eq!(agent.head(server.url("/nothing")).call().unwrap().status(), StatusCode::NOT_FOUND);
    let answer = server.say("HEAD /index.html");
    assert!(answer.ends_with("\r\n\r\n") && answer.contains("content-length: 14"), "{answer}");
}

#[test]
fn other_methods() {
    let server = Server::start();
    let response = agent().delete(server.url("/index.html")).call().unwrap();
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(header(&response, "allow"), "GET, HEAD");
    let response = agent().post(server.url("/index.html")).send("more").unwrap();
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(fs::read(server.served().join("index.html")).unwrap(), b"<p>welcome</p>");
}

#[test]
fn a_part() {
    let server = Server::start();
    let get =
        |range: &str| agent().get(server.url("/deeper/a%20file.txt")).header("range", range).call().unwrap();
    let response = get("bytes=2-4");
    assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(header(&response, "content-range"), "bytes 2-4/10");
    assert_eq!(header(&response, "content-length"), "3");
    assert_eq!(bytes_of(response), b"234");
    assert_eq!(bytes_of(get("bytes=-3")), b"789");
    assert_eq!(bytes_of(get("bytes=0-1,4-5")), b"0123456789");
    let response = get("bytes=10-");
    assert_eq!(response.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(header(&response, "content-range"), "bytes */10");
}

#[test]
fn sixty_four_at_once() {
    let server = Server::start();
    let bytes = random(1 << 20);
    fs::write(server.served().join("middling"), &bytes).unwrap();
    thread::scope(|scope| {
        for number in 0..64 {
            let (server, bytes) = (&server, &bytes);
            scope.spawn(move || {
                let agent = agent();
                for path in ["/middling", "/deeper/a%20file.txt", "/nothing", "/middling"] {
                    let response = agent.get(server.url(path)).call().unwrap();
                    let expected: &[u8] = match path {
                        "/middling" => bytes,
                        "/nothing" => b"404 Not Found\n",
                        _ => b"0123456789",
                    };
                    assert!(bytes_of(response) == expected, "client {number}, {path}");
                }
            });
        }
    });
}

/// Files that nobody fetches to the end hold up nobody else: 40 is more than there are threads to read with.
#[test]
fn clients_that_do_not_read() {
    let server = Server::start();
    fs::write(server.served().join("large"), random(32 << 20)).unwrap();
    let mut idlers = Vec::new();
    for _ in 0..40 {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.write_all(b"GET /large HTTP/1.1\r\nhost: here\r\n\r\n").unwrap();
        // It is being served.
        let mut first = [0; 12];
        stream.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        idlers.push(stream);
    }
    assert_eq!(bytes_of(server.get("/deeper/a%20file.txt")), b"0123456789");
    // And some of them go away.
    idlers.truncate(20);
    assert_eq!(bytes_of(server.get("/")), b"<p>welcome</p>");
}

#[test]
fn the_demonstration() {
    let output = Command::new(env!("CARGO_BIN_EXE_aside-static-files")).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("all bytes as they should be"), "{text}");
}

#[test]
fn wrong_arguments_are_told() {
    let program = || Command::new(env!("CARGO_BIN_EXE_aside-static-files"));
    for wrong in [["--listen", "127.0.0.1:0"], [".", "--speed"], [".", "."]] {
        assert_eq!(program().args(wrong).output().unwrap().status.code(), Some(2), "{wrong:?}");
    }
    let nowhere = program().arg("/no/such/folder").output().unwrap();
    assert_eq!(nowhere.status.code(), Some(1));
}
