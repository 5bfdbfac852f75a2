//! The crate `log`: its plain logger here, and the writer under env_logger and fern.

mod util;

use aside::log::{Logger, Overflow, Writer};
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;
use util::severe::{SEVERE, written_around_a_drop};
use util::sink::Sink;
use util::{expected_panic, hush, panic_message_of, watchdog};

const LONG: Duration = Duration::from_secs(60);

fn say(logger: &dyn Log, level: Level, message: impl fmt::Display) {
    logger.log(&Record::builder().level(level).target("here").args(format_args!("{message}")).build());
}

/// With lines that are the same each time.
fn plain(log: &Writer) -> Logger {
    use std::fmt::Write;
    Logger::new(log.clone(), LevelFilter::Trace)
        .format(|line, record| writeln!(line, "{} {}", record.level(), record.args()))
}

#[test]
fn a_line_says_when_how_bad_where_and_what() {
    let _watchdog = watchdog();
    let sink = Sink::new();
    let (log, guard) = Writer::builder().sink(sink.clone()).build().unwrap();
    let logger = Logger::new(log, LevelFilter::Info);
    say(&logger, Level::Warn, "a message");
    say(&logger, Level::Debug, "not at this level");
    assert!(logger.enabled(&Metadata::builder().level(Level::Info).build()));
    assert!(!logger.enabled(&Metadata::builder().level(Level::Debug).build()));
    assert_eq!(guard.close(LONG).written, 1);
    let text = sink.text();
    let (time, rest) = text.split_once(' ').unwrap();
    assert_eq!(rest, "WARN  here: a message\n");
    let digits: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(digits, "0000-00-00T00:00:00.000000Z", "{time}");
}

fn assert_whole_lines(logger: &dyn Log, log: &Writer, sink: &Sink) {
    const THREADS: usize = 8;
    const EACH: usize = 2_000;
    thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                for number in 0..EACH {
                    let text = "x".repeat(number * 7 % 300);
                    say(logger, Level::Info, format_args!("{thread} {number} {text}"));
                }
            });
        }
    });
    log.flush_wait(LONG).unwrap();
    let mut next = [0; THREADS];
    for line in sink.text().lines() {
        let mut words = line.strip_prefix("INFO ").unwrap().split(' ');
        let thread: usize = words.next().unwrap().parse().unwrap();
        assert_eq!(words.next(), Some(&*next[thread].to_string()));
        assert_eq!(words.next(), Some(&*"x".repeat(next[thread] * 7 % 300)));
        assert_eq!(words.next(), None);
        next[thread] += 1;
    }
    assert_eq!(next, [EACH; THREADS]);
    assert_eq!(log.stats().written, (THREADS * EACH) as u64);
}

#[test]
fn lines_of_eight_threads_come_out_whole_and_in_order() {
    let _watchdog = watchdog();
    let sink = Sink::new();
    let (log, _guard) = Writer::builder().capacity(4 * 1024).sink(sink.clone()).build().unwrap();
    assert_whole_lines(&plain(&log), &log, &sink);
}

#[test]
fn lines_of_env_logger_come_out_whole_and_in_order() {
    let _watchdog = watchdog();
    let sink = Sink::new();
    let (log, _guard) = Writer::builder().capacity(4 * 1024).sink(sink.clone()).build().unwrap();
    assert_whole_lines(&env_logger(&log), &log, &sink);
}

#[test]
fn lines_of_fern_come_out_whole_and_in_order() {
    let _watchdog = watchdog();
    for through_log in [true, false] {
        let sink = Sink::new();
        let (log, _guard) = Writer::builder().capacity(4 * 1024).sink(sink.clone()).build().unwrap();
        assert_whole_lines(&*fern(&log, through_log), &log, &sink);
    }
}

fn env_logger(log: &Writer) -> env_logger::Logger {
    env_logger::Builder::new()
        .filter_level(LevelFilter::Info)
        .format(|line, record| writeln!(line, "{} {}", record.level(), record.args()))
        .target(env_logger::Target::Pipe(Box::new(log.record_writer())))
        .build()
}

/// By the two ways there are into it: as a logger, and as a writer.
fn fern(log: &Writer, through_log: bool) -> Box<dyn Log> {
    let dispatch = fern::Dispatch::new()
        .level(LevelFilter::Info)
        .format(|out, message, record| out.finish(format_args!("{} {message}", record.level())));
    let dispatch = if through_log {
        use std::fmt::Write;
        let behind = Logger::new(log.clone(), LevelFilter::Trace)
            .format(|line, record| writeln!(line, "{}", record.args()));
        dispatch.chain(Box::new(behind) as Box<dyn Log>)
    } else {
        dispatch.chain(Box::new(log.record_writer()) as Box<dyn Write + Send>)
    };
    dispatch.into_log().1
}

/// They flush after each record.
#[test]
fn env_logger_and_fern_do_not_wait_for_the_sink() {
    let _watchdog = watchdog();
    let sink = Sink::new();
    let stopped = sink.stop();
    let (log, guard) = Writer::builder().sink(sink.clone()).build().unwrap();
    let loggers: [Box<dyn Log>; 3] = [Box::new(env_logger(&log)), fern(&log, true), fern(&log, false)];
    for logger in &loggers {
        say(logger, Level::Info, "taken at once");
    }
    stopped.until_there();
    for logger in &loggers {
        say(logger, Level::Info, "as is this");
    }
    assert_eq!(sink.text(), "");
    stopped.go_on();
    assert_eq!(guard.close(LONG).written, 6);
    assert_eq!(sink.text(), format!("{}{}", "INFO taken at once\n".repeat(3), "INFO as is this\n".repeat(3)));
}

#[test]
fn severe_lines_wait_where_others_are_dropped() {
    let _watchdog = watchdog();
    let level = |number| if number % 2 == 0 { Level::Warn } else { Level::Error };
    let all = written_around_a_drop(
        |log| plain(log).blocking_from(Level::Warn),
        move |logger, severe| match severe {
            None => say(logger, Level::Info, "may be dropped"),
            Some(number) => say(logger, level(number), number),
        },
    );
    let severe: Vec<&str> = all.lines().filter(|line| !line.starts_with("INFO")).collect();
    let expected: Vec<String> = (0..SEVERE).map(|n| format!("{} {n}", level(n))).collect();
    assert_eq!(severe, expected);
}

#[test]
fn a_flush_waits_but_not_for_ever() {
    let _watchdog = watchdog();
    let sink = Sink::new();
    let stopped = sink.stop();
    let (log, guard) = Writer::builder().sink(sink.clone()).build().unwrap();
    let logger = plain(&log).flush_deadline(Duration::from_millis(1));
    say(&logger, Level::Info, "stuck");
    stopped.until_there();
    logger.flush();
    stopped.go_on();
    let logger = logger.flush_deadline(LONG);
    say(&logger, Level::Info, "not stuck");
    logger.flush();
    assert_eq!(sink.text(), "INFO stuck\nINFO not stuck\n");
    drop(guard);
    say(&logger, Level::Info, "too late, and no harm");
    logger.flush();
}

/// Does what it is told to, as it is formatted.
struct Message<F>(F);

impl<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result> fmt::Display for Message<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half of it")?;
        (self.0)(f)
    }
}

#[test]
fn what_panics_fails_or_logs_as_it_is_formatted_tears_nothing() {
    hush();
    let _watchdog = watchdog();
    let sink = Sink::new();
    let (log, guard) = Writer::builder().sink(sink.clone()).build().unwrap();
    let logger = plain(&log);
    say(&logger, Level::Info, "before");
    let panics = Message(|_: &mut fmt::Formatter<'_>| expected_panic("what is logged"));
    assert!(catch_unwind(AssertUnwindSafe(|| say(&logger, Level::Info, panics))).is_err());
    say(&logger, Level::Info, "after a panic");
    say(&logger, Level::Info, Message(|_: &mut fmt::Formatter<'_>| Err(fmt::Error)));
    let logs = Message(|f: &mut fmt::Formatter<'_>| {
        say(&logger, Level::Warn, "from within");
        f.write_str(", and the other")
    });
    say(&logger, Level::Info, logs);
    assert_eq!(guard.close(LONG).written, 5);
    let text = sink.text();
    let lines: Vec<&str> = text.lines().collect();
    let expected =
        ["INFO before", "INFO after a panic", "", "WARN from within", "INFO half of it, and the other"];
    let (time, rest) = lines[2].split_once(' ').unwrap();
    assert_eq!((time.len(), rest), (27, "INFO  here: a message that cannot be formatted"));
    assert_eq!([&lines[..2], &[""], &lines[3..]].concat(), expected);
}

#[test]
fn a_record_writer_tells_of_errors_but_not_of_drops() {
    let _watchdog = watchdog();
    let sink = Sink::new();
    let stopped = sink.stop();
    let (log, guard) = Writer::builder().capacity(1024).sink(sink.clone()).build().unwrap();
    let mut records = log.record_writer().overflow(Overflow::DropNewest);
    records.write_all(b"the first\n").unwrap();
    // From here on nobody makes room.
    stopped.until_there();
    while log.stats().dropped == 0 {
        records.write_all(b"one of many\n").unwrap();
    }
    records.write_all(b"longer than that").unwrap();
    records.flush().unwrap();
    assert_eq!(log.stats().dropped, 2);
    stopped.go_on();
    let kind = |written: io::Result<()>| written.unwrap_err().kind();
    let mut long = vec![b'x'; 16 << 20];
    long.push(b'\n');
    assert_eq!(kind(records.write_all(&long)), ErrorKind::InvalidInput);
    guard.close(LONG);
    assert_eq!(kind(records.write_all(b"too late\n")), ErrorKind::BrokenPipe);
}

#[test]
fn a_destructor_logs_while_a_panic_unwinds() {
    struct Witness(Writer);
    impl Drop for Witness {
        fn drop(&mut self) {
            let mut records = self.0.record_writer();
            let what = "and told";
            write!(records, "seen, {what}").unwrap();
        }
    }
    hush();
    let sink = Sink::new();
    let (log, guard) = Writer::builder().sink(sink.clone()).build().unwrap();
    panic_message_of(|| -> () {
        let _witness = Witness(log.clone());
        expected_panic("to be seen")
    });
    guard.close(LONG);
    assert_eq!(sink.text(), "seen, and told");
}
