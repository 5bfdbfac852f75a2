//! The program as a whole.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

fn program(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aside-copy"));
    command.arg(from.as_ref()).arg(to.as_ref()).stderr(Stdio::piped());
    command
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn bytes(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(length as u64);
    let mut bytes = vec![0; length];
    random.fill(&mut bytes);
    bytes
}

fn folder() -> (TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    (folder, from, to)
}

#[test]
fn files_of_all_sizes() {
    let (_folder, from, to) = folder();
    // The longest one first: the others must empty what it has left.
    for length in [20_000_001, 3 << 20, 1 << 20, 65_537, 16_384, 16_383, 1, 0] {
        fs::write(&from, bytes(length)).unwrap();
        let output = program(&from, &to).output().unwrap();
        assert!(output.status.success(), "{}", complaint(&output));
        assert!(fs::read(&to).unwrap() == bytes(length), "{length} bytes");
    }
}

#[test]
fn from_pipe_to_pipe() {
    let mut child = program("-", "-").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let writer = thread::spawn(move || input.write_all(&bytes(5_000_000)).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "{}", complaint(&output));
    assert!(output.stdout == bytes(5_000_000));
}

/// What has come is passed on before more comes.
#[test]
fn a_slow_pipe_is_not_held_back() {
    let mut child = program("-", "-").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    for word in ["one", "two\n", "six"] {
        input.write_all(word.as_bytes()).unwrap();
        let mut passed = vec![0; word.len()];
        output.read_exact(&mut passed).unwrap();
        assert_eq!(passed, word.as_bytes());
        thread::sleep(Duration::from_millis(10));
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn between_file_and_pipe() {
    let (_folder, from, to) = folder();
    fs::write(&from, bytes(3_000_000)).unwrap();
    let output = program(&from, "-").output().unwrap();
    assert!(output.status.success() && output.stdout == bytes(3_000_000), "{}", complaint(&output));
    let output = program("-", &to).stdin(File::open(&from).unwrap()).output().unwrap();
    assert!(output.status.success(), "{}", complaint(&output));
    assert!(fs::read(&to).unwrap() == bytes(3_000_000));
}

#[test]
fn what_is_read_is_not_overwritten() {
    let (_folder, from, to) = folder();
    fs::write(&from, "precious").unwrap();
    fs::hard_link(&from, &to).unwrap();
    for same in [&from, &to] {
        let output = program(&from, same).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(complaint(&output).contains("it is what is read"), "{}", complaint(&output));
        assert_eq!(fs::read(&from).unwrap(), b"precious");
    }
}

#[test]
fn what_cannot_be_read_leaves_the_target_alone() {
    let (_folder, from, to) = folder();
    fs::write(&to, "precious").unwrap();
    let output = program(&from, &to).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint(&output).contains("cannot read"), "{}", complaint(&output));
    assert_eq!(fs::read(&to).unwrap(), b"precious");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    let (_folder, from, _) = folder();
    // A short one fails when it is closed, a long one before.
    for length in [1, 10_000_000] {
        fs::write(&from, bytes(length)).unwrap();
        let output = program(&from, "/dev/full").output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(
            complaint(&output).contains("cannot write /dev/full: No space left"),
            "{}",
            complaint(&output)
        );
        let output = program(&from, "-").stdout(File::create("/dev/full").unwrap()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "to stdout: {}", complaint(&output));
    }
}

#[test]
fn a_reader_that_goes_away_is_told() {
    let (_folder, from, _) = folder();
    fs::write(&from, bytes(3_000_000)).unwrap();
    let mut child = program(&from, "-").stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint(&output).contains("cannot write -"), "{}", complaint(&output));
}

#[test]
fn the_demonstration_compares_the_bytes() {
    let output = program("--size", "9").output().unwrap();
    assert!(output.status.success(), "{}", complaint(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("9 MiB from file to file, the same bytes each time"), "{text}");
}

#[test]
fn wrong_arguments_are_told() {
    for wrong in [["--size", "none"], ["--speed", "9"]] {
        let output = program(wrong[0], wrong[1]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", complaint(&output));
    }
    let one = Command::new(env!("CARGO_BIN_EXE_aside-copy")).arg("from").output().unwrap();
    assert_eq!(one.status.code(), Some(2));
}
