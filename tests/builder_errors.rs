//! A setting that is wrong or not permitted is a typed error of `build`: no panic, and never silently something else.
#![cfg(unix)]

mod util;

use aside::{BuildError, Builder, Deadline, Group, Scale};
use std::io;
use std::time::Duration;
use util::{expected_panic, hush};

/// What is wrong with it.
fn refusal(builder: Builder) -> (BuildError, io::ErrorKind) {
    let error = builder.build().expect_err("these settings are wrong");
    let typed = BuildError::of(&error).unwrap_or_else(|| panic!("untyped: {error:?}"));
    assert_eq!(error.to_string(), typed.to_string());
    (typed.clone(), error.kind())
}

fn assert_invalid(builder: Builder, expected: BuildError) {
    assert_eq!(refusal(builder), (expected, io::ErrorKind::InvalidInput));
}

#[test]
fn no_threads() {
    assert_invalid(Group::builder().max_threads(0), BuildError::NoThreads);
    assert_invalid(Group::builder().max_threads(0).min_threads(0), BuildError::NoThreads);
}

#[test]
fn more_threads_than_can_be_counted() {
    for max_threads in [65_536, 1 << 32, usize::MAX] {
        let expected = BuildError::TooManyThreads { max_threads, limit: 65_535 };
        assert_invalid(Group::builder().max_threads(max_threads), expected);
    }
    let group = Group::builder().min_threads(0).max_threads(65_535).build().unwrap();
    assert_eq!(group.offload(|| 1).wait(), 1);
}

#[test]
fn minimum_above_maximum() {
    let expected = BuildError::MinAboveMax { min_threads: 3, max_threads: 2 };
    assert_invalid(Group::builder().min_threads(3).max_threads(2), expected);
    let expected = BuildError::MinAboveMax { min_threads: usize::MAX, max_threads: 500 };
    assert_invalid(Group::builder().min_threads(usize::MAX), expected);
    let group = Group::builder().min_threads(2).max_threads(2).build().unwrap();
    assert_eq!(group.stats().threads, 2);
}

#[test]
fn nul_in_name() {
    for name in ["\0", "a\0b", "ab\0"] {
        assert_invalid(Group::builder().name(name), BuildError::NulInName);
    }
    for name in ["", "ä name far beyond what Linux shows"] {
        let group = Group::builder().name(name).build().unwrap();
        let seen = group.offload(|| std::thread::current().name().map(str::to_owned)).wait();
        assert_eq!(seen.as_deref(), Some(name));
    }
}

#[test]
fn no_room() {
    assert_invalid(Group::builder().queue_limit(0), BuildError::NoRoom);
    let group = Group::builder().queue_limit(usize::MAX).build().unwrap();
    assert_eq!(group.try_offload(|| 1).unwrap().wait(), 1);
}

#[test]
fn stack_too_small() {
    for stack_size in [0, 1, 4096, 65_535] {
        let expected = BuildError::StackTooSmall { stack_size, least: 65_536 };
        assert_invalid(Group::builder().stack_size(stack_size), expected);
    }
}

#[test]
fn the_least_stack_has_room_for_a_panic() {
    hush();
    for stack_size in [65_536, 65_537] {
        let group = Group::builder().stack_size(stack_size).build().unwrap();
        assert!(group.offload(|| expected_panic("on a small stack")).catch().wait().is_err());
        assert_eq!(group.offload(|| 1).wait(), 1);
    }
}

#[test]
fn stack_beyond_the_address_space() {
    for stack_size in [usize::MAX, usize::MAX - 1, isize::MAX as usize, 1 << 50] {
        for min_threads in [0, 1] {
            // The system's own refusal: no setting is wrong as such.
            let builder = Group::builder().stack_size(stack_size).min_threads(min_threads);
            let error = builder.build().expect_err("no room for such a stack");
            assert!(BuildError::of(&error).is_none(), "{error:?}");
        }
    }
}

#[test]
fn a_big_stack_is_really_there() {
    #[inline(never)]
    fn deep(levels: usize) -> usize {
        let frame = std::hint::black_box([levels as u8; 4096]);
        if levels == 0 { 0 } else { deep(levels - 1) + usize::from(frame[levels % 4096] == levels as u8) }
    }
    let group = Group::builder().stack_size(64 << 20).build().unwrap();
    assert_eq!(group.offload(|| deep(4096)).wait(), 4096);
}

#[test]
fn debug_and_display() {
    let builder = Group::builder().name("seen").on_thread_start(|| ());
    let text = format!("{builder:?}");
    assert!(text.contains("seen") && text.contains("on_thread_start: true"), "{text}");
    let error = Group::builder().nice(i32::MAX).build().unwrap_err();
    assert!(error.to_string().contains("2147483647"), "{error}");
}

#[cfg(target_os = "linux")]
mod nice {
    use super::util::process::{as_nobody, eventually, threads_named};
    use super::util::watchdog;
    use super::{assert_invalid, refusal};
    use aside::{BuildError, Group};
    use rustix::process::{Resource, Rlimit, getpriority_process, setrlimit};
    use std::io;
    use std::sync::Barrier;

    fn own_level() -> i32 {
        getpriority_process(None).unwrap()
    }

    #[test]
    fn no_such_level() {
        for nice in [20, -21, i32::MAX, i32::MIN] {
            assert_invalid(Group::builder().nice(nice), BuildError::NoSuchNice { nice });
        }
    }

    #[test]
    fn the_groups_threads_have_it_and_nobody_else() {
        let _watchdog = watchdog();
        let before = own_level();
        let level = (before + 5).min(19);
        let group = Group::builder().name("nice").nice(level).max_threads(4).build().unwrap();
        assert_eq!(group.offload(own_level).wait(), level);
        // Three more threads, some of them started by threads of the group.
        let barrier: &Barrier = Box::leak(Box::new(Barrier::new(4)));
        let levels = group.offload_all((0..4).map(|_| {
            move || {
                barrier.wait();
                own_level()
            }
        }));
        assert_eq!(levels.wait(), [level; 4]);
        assert_eq!(group.stats().peak_threads, 4);
        assert_eq!(own_level(), before);
        assert_eq!(std::thread::spawn(own_level).join().unwrap(), before);
    }

    #[test]
    fn the_probe_is_gone() {
        let _watchdog = watchdog();
        drop(Group::builder().nice(19).build().unwrap());
        eventually("the thread that tried the level leaves", || threads_named("aside-nice").is_empty());
    }

    #[test]
    fn a_level_that_the_user_may_not_set() {
        as_nobody("nice::a_level_that_the_user_may_not_set", || {
            // Whatever the machine's settings allow: not this.
            setrlimit(Resource::Nice, Rlimit { current: Some(0), maximum: Some(0) }).unwrap();
            let before = own_level();
            let (error, kind) = refusal(Group::builder().nice(-5));
            assert_eq!(error, BuildError::NiceNotPermitted { nice: -5 });
            assert_eq!(kind, io::ErrorKind::PermissionDenied);
            assert_eq!(own_level(), before);

            let level = (before + 5).min(19);
            let group = Group::builder().nice(level).build().unwrap();
            assert_eq!(group.offload(own_level).wait(), level);
            // Back up is not permitted either.
            if level > before {
                let inner = group.offload(move || {
                    Group::builder().nice(before).build().err().and_then(|e| BuildError::of(&e).cloned())
                });
                assert_eq!(inner.wait(), Some(BuildError::NiceNotPermitted { nice: before }));
            }
        });
    }
}

#[test]
fn a_tick_too_short_or_too_long() {
    for wrong in [Duration::ZERO, Duration::from_millis(101), Duration::MAX] {
        let error = Group::builder().scale(Scale::OnStall { tick: wrong }).build().unwrap_err();
        assert_eq!(BuildError::of(&error), Some(&BuildError::BadTick { tick: wrong }));
    }
}

#[test]
fn settings_at_their_limits_work() {
    let on_stall = |tick| Group::builder().scale(Scale::OnStall { tick });
    let builders = [
        on_stall(Duration::from_nanos(1)),
        on_stall(Duration::from_millis(100)),
        Group::builder().scale(Scale::PerQueued(0)),
        Group::builder().scale(Scale::PerQueued(usize::MAX)),
        Group::builder().keep_alive(Duration::MAX),
        Group::builder().keep_alive(Duration::ZERO).min_threads(0),
        Group::builder().linger(Duration::from_secs(3600)),
        Group::builder().linger(Duration::ZERO),
    ];
    for builder in builders {
        let group = builder.max_threads(4).build().unwrap();
        let jobs = group.offload_all((0..1_000).map(|n| move || n));
        assert_eq!(jobs.wait(), (0..1_000).collect::<Vec<_>>());
        // Also where a thread would linger for an hour.
        assert!(group.shutdown(Deadline::NEVER).is_nothing());
    }
}
