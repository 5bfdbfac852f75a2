//! Threads and processes as the system sees them, for the tests of what is process-wide.

use super::watchdog;
use aside::Group;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Set in a child that a test started to run its body in a process of its own.
const CHILD: &str = "ASIDE_TEST_CHILD";
const NOBODY: u32 = 65534;
/// Shorter than the watchdog's, which does not say what was waited for.
const PATIENCE: Duration = Duration::from_secs(45);

/// Waits for what has no event of its own.
#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until `n` threads of the group are inside jobs.
#[track_caller]
pub fn until_running(group: &Group, n: usize) {
    eventually("so many jobs run at a time", || group.stats().running == n);
}

/// The thread ids of this process's threads of this name.
#[cfg(target_os = "linux")]
pub fn threads_named(name: &str) -> Vec<i32> {
    assert!(name.len() <= 15, "Linux cuts thread names after 15 bytes");
    let mut found = Vec::new();
    for task in fs::read_dir("/proc/self/task").unwrap() {
        let task = task.unwrap();
        // A thread may end while this looks.
        let Ok(comm) = fs::read_to_string(task.path().join("comm")) else { continue };
        if comm.trim_end() == name {
            found.push(task.file_name().to_str().unwrap().parse().unwrap());
        }
    }
    found
}

/// How often a thread of this process went to sleep of its own accord.
#[cfg(target_os = "linux")]
pub fn voluntary_switches(thread: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/self/task/{thread}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
    line.trim().parse().unwrap()
}

/// Memory of this process that is there, in bytes.
#[cfg(target_os = "linux")]
pub fn resident() -> usize {
    memory("VmRSS")
}

/// Memory of this process, in bytes, by the name that the system has for it.
#[cfg(target_os = "linux")]
pub fn memory(name: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    1024 * line.trim().trim_end_matches(" kB").parse::<usize>().unwrap()
}

/// Whether this is a child made by [`in_child`] and its like.
pub fn is_child() -> bool {
    env::var_os(CHILD).is_some()
}

/// A command that runs `test` of this file alone, as a child.
pub fn child(test: &str) -> Command {
    child_of(env::current_exe().unwrap(), test)
}

fn child_of(program: impl AsRef<OsStr>, test: &str) -> Command {
    let mut command = Command::new(program);
    command.args([test, "--exact", "--nocapture", "--include-ignored"]);
    command.env(CHILD, "1").env("RUST_BACKTRACE", "0").env_remove("ASIDE_MAX_THREADS").stdin(Stdio::null());
    command
}

/// Runs `body` in a process of its own, as this same test. `setup` may change the command.
#[track_caller]
pub fn in_child(test: &str, setup: impl FnOnce(&mut Command), body: impl FnOnce()) {
    let _watchdog = watchdog();
    if is_child() {
        return body();
    }
    let mut command = child(test);
    setup(&mut command);
    expect_pass(test, run(&mut command));
}

const FILE: &str = "ASIDE_TEST_FILE";

/// A file for a child of [`ended_by`] to write into.
pub fn file() -> PathBuf {
    env::var_os(FILE).unwrap().into()
}

/// Makes it the child's file.
pub fn set_file<'a>(command: &'a mut Command, file: &Path) -> &'a mut Command {
    command.env(FILE, file).stdout(Stdio::null())
}

/// What a child has left.
pub struct Ended {
    /// What it has written into its file.
    pub text: String,
    pub stderr: String,
}

/// Runs `body`, which may end the process, in a child that is to end with this code. `None` in the child.
#[track_caller]
pub fn ended_by(test: &str, code: i32, body: impl FnOnce()) -> Option<Ended> {
    let _watchdog = watchdog();
    if is_child() {
        body();
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    let output = run(child(test).env(FILE, &file));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    Some(Ended { text: fs::read_to_string(file).unwrap_or_default(), stderr })
}

/// The same, as a user without any rights if this is root.
#[track_caller]
pub fn as_nobody(test: &str, body: impl FnOnce()) {
    let _watchdog = watchdog();
    if is_child() {
        return body();
    }
    if !rustix::process::geteuid().is_root() {
        expect_pass(test, run(&mut child(test)));
        return;
    }
    // The build directory may be closed to others.
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("test");
    {
        let _no_child_inherits_the_file_that_is_written = STARTING.lock();
        fs::copy(env::current_exe().unwrap(), &program).unwrap();
    }
    for path in [dir.path(), &program] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    expect_pass(test, run(child_of(&program, test).current_dir("/").uid(NOBODY).gid(NOBODY)));
}

/// Held while a child starts: until it has, it holds all files that are open here.
static STARTING: Mutex<()> = Mutex::new(());

/// Runs a child to its end.
fn run(command: &mut Command) -> Output {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = None;
    // A child that somebody starts in another way may still have the program's file open for writing, from before it runs its own.
    eventually("a program starts", || {
        let _starting = STARTING.lock();
        match command.spawn() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => false,
            started => {
                child = Some(started.unwrap());
                true
            }
        }
    });
    child.unwrap().wait_with_output().unwrap()
}

#[track_caller]
fn expect_pass(test: &str, output: Output) {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    // The count, as a misspelt name would pass with no test run.
    assert!(
        output.status.success() && stdout.contains(" 1 passed;"),
        "the child for {test} failed: {}\n{stdout}\n{stderr}",
        output.status
    );
}

/// From now on no file may be larger than that.
#[cfg(target_os = "linux")]
pub fn limit_files(bytes: Option<u64>) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    // SAFETY: installs no handler. Else the signal ends the process.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    setrlimit(Resource::Fsize, Rlimit { current: bytes, maximum: getrlimit(Resource::Fsize).maximum })
        .unwrap();
}

/// While this is there, no thread can be started. Needs [`as_nobody`].
#[cfg(target_os = "linux")]
pub struct NoThreads(rustix::process::Rlimit);

#[cfg(target_os = "linux")]
pub fn no_threads() -> NoThreads {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let before = getrlimit(Resource::Nproc);
    setrlimit(Resource::Nproc, Rlimit { current: Some(0), maximum: before.maximum }).unwrap();
    assert!(std::thread::Builder::new().spawn(|| ()).is_err(), "the limit has no effect");
    NoThreads(before)
}

#[cfg(target_os = "linux")]
impl Drop for NoThreads {
    fn drop(&mut self) {
        rustix::process::setrlimit(rustix::process::Resource::Nproc, self.0).unwrap();
    }
}
