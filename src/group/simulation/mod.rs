//! The policy against simulated loads, in virtual time: what `core.rs`, `worker.rs` and `watch.rs` do with the counts,
//! `decide` and `Watch`, as a queue of events. An event is atomic here; `model.rs` has what comes in between.

mod loads;

use super::counts::{AtomicCounts, Role};
use super::scale::{Scale, Step, Verdict, View, Watch};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::Range;
use std::time::Duration;

const US: u64 = 1_000;
const MS: u64 = 1_000 * US;
const NEVER: u64 = u64::MAX;
/// From one look of a lingering thread to the next, and what a thread lets pass after a run of jobs; see `worker.rs`.
const LOOK_EVERY: u64 = 100;
const HOLD_OFF: u64 = 3 * US;
/// What the policy promises: see `LONGEST_STRETCH` and `LONGEST_CONTENTION` in `scale.rs`.
const LONGEST_STRETCH: u64 = 8;
const LONGEST_CONTENTION: u64 = 20 * MS;

/// Ten times what the longest load below takes.
const MOST_EVENTS: u64 = 1_000_000;

#[derive(Clone, Copy, Debug)]
struct Job {
    arrives: u64,
    takes: u64,
    /// Whether it needs a processor, instead of being blocked.
    computes: bool,
}

#[derive(Clone, Debug, Default)]
struct Load {
    jobs: Vec<Job>,
    /// When there are more runnable threads than processors.
    scarce: Range<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Setup {
    scale: Scale,
    min: usize,
    max: usize,
    keep_alive: u64,
    linger: u64,
    /// What a start takes, for the starter as for the thread to come up.
    start: u64,
    /// What it takes an unparked thread to come up.
    unpark: u64,
}

/// What a thread is at; the first four are what the counts tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Idle,
    Inside,
    Parked,
    Watch,
    Gone,
}

struct Thread {
    at: At,
    /// Rises when the thread gets up, so that it is not called by an alarm that was set before.
    life: u32,
    /// Jobs in this run of them.
    run: usize,
    computes: bool,
    watch: Option<Stand>,
}

/// A thread's time on watch.
struct Stand {
    watch: Watch,
    wait: u64,
    /// When it looked last, and what had been taken by then.
    seen: (u64, usize),
    /// How many jobs waited then.
    queued: usize,
    /// Stalls in a row.
    stalls: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrive(usize),
    Up(usize, bool),
    Look(usize),
    LingerOver(usize, u32),
    Done(usize),
    Tick(usize),
    Bring { who: usize, came: usize, wanted: usize, waking: bool },
    Expire(usize, u32),
}

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct History {
    /// How many threads there are, from when on.
    threads: Vec<(u64, usize)>,
    /// When each job was taken, in the order of the queue.
    taken: Vec<u64>,
    ticks: usize,
    finished: usize,
    /// When a job arrived, was taken or ended last.
    load_ended: u64,
}

impl History {
    fn peak(&self) -> usize {
        self.threads.iter().map(|&(_, threads)| threads).max().unwrap_or(0)
    }
}

struct Simulation<'a> {
    setup: Setup,
    load: &'a Load,
    now: u64,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    /// Events so far: those of one moment come in the order in which they were called for.
    serial: u64,
    counts: AtomicCounts,
    threads: Vec<Thread>,
    /// How many threads are at what, counted apart from `counts`.
    at: [usize; 5],
    stack: Vec<usize>,
    lingering: Option<usize>,
    queue: VecDeque<Job>,
    computing: usize,
    stuck: usize,
    /// Since when the first job of the queue has a claim to be taken.
    waits_since: u64,
    /// Whether no job had such a claim after the last event: at the cap, or by the quota.
    is_excused: bool,
    history: History,
}

impl<'a> Simulation<'a> {
    /// Runs the load until nothing happens any more.
    fn run(setup: Setup, load: &'a Load) -> History {
        let mut all = Self {
            setup,
            load,
            now: 0,
            events: BinaryHeap::new(),
            serial: 0,
            counts: AtomicCounts::new(),
            threads: Vec::new(),
            at: [0; 5],
            stack: Vec::new(),
            lingering: None,
            queue: VecDeque::new(),
            computing: 0,
            stuck: 0,
            waits_since: 0,
            is_excused: false,
            history: History::default(),
        };
        while all.counts.load().threads() < setup.min {
            assert!(all.start(Role::Work));
        }
        for (n, job) in load.jobs.iter().enumerate() {
            all.after(job.arrives, Event::Arrive(n));
        }
        while let Some(Reverse((at, _, event))) = all.events.pop() {
            all.now = at;
            assert!(all.serial < MOST_EVENTS, "no end to it: {setup:?}");
            all.happen(event);
            all.check();
        }
        all.check_end();
        all.history
    }

    fn after(&mut self, time: u64, event: Event) {
        if time != NEVER {
            self.serial += 1;
            self.events.push(Reverse((self.now + time, self.serial, event)));
        }
    }

    fn set(&mut self, who: usize, at: At) {
        self.at[self.threads[who].at as usize] -= 1;
        self.at[at as usize] += 1;
        self.threads[who].at = at;
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive(n) => self.arrive(self.load.jobs[n]),
            Event::Up(who, false) => self.look(who),
            Event::Up(who, true) => self.stand(who),
            Event::Look(who) => self.look(who),
            Event::LingerOver(who, life) if self.threads[who].life == life => self.park(who),
            Event::Done(who) => self.done(who),
            Event::Tick(who) => self.tick(who),
            Event::Bring { who, came, wanted, waking } => self.bring(who, came, wanted, waking),
            Event::Expire(who, life) if self.threads[who].life == life => self.expire(who),
            Event::LingerOver(..) | Event::Expire(..) => {}
        }
    }

    // --- `core.rs` ---

    fn arrive(&mut self, job: Job) {
        if self.queue.is_empty() {
            self.waits_since = self.now;
        }
        self.queue.push_back(job);
        self.history.load_ended = self.now;
        self.grow();
        if let Some(who) = self.lingering.take() {
            self.threads[who].life += 1;
            self.after(LOOK_EVERY, Event::Look(who));
        }
    }

    /// The time it takes.
    fn grow(&mut self) -> u64 {
        let Self { setup, queue, .. } = self;
        match setup.scale.decide(self.counts.load(), self.stuck, || queue.len(), setup.max) {
            Step::Nothing => 0,
            Step::Unpark(role) => {
                assert!(self.wake(role), "an unpark that cannot be");
                0
            }
            Step::Start(role) => {
                assert!(self.start(role), "a start that cannot be");
                self.setup.start
            }
        }
    }

    fn start(&mut self, role: Role) -> bool {
        if !self.counts.start(role, self.setup.max) {
            return false;
        }
        let at = if role == Role::Work { At::Idle } else { At::Watch };
        self.at[at as usize] += 1;
        self.threads.push(Thread { at, life: 0, run: 0, computes: false, watch: None });
        self.after(self.setup.start, Event::Up(self.threads.len() - 1, role == Role::Watch));
        true
    }

    fn take(&mut self) -> Option<Job> {
        let job = self.queue.pop_front()?;
        self.waits_since = self.now;
        self.history.load_ended = self.now;
        self.history.taken.push(self.now);
        Some(job)
    }

    // --- `parked.rs` ---

    fn wake(&mut self, role: Role) -> bool {
        if self.stack.is_empty() || !self.counts.unpark(role) {
            return false;
        }
        let who = self.stack.pop().unwrap();
        self.threads[who].life += 1;
        self.set(who, if role == Role::Work { At::Idle } else { At::Watch });
        self.after(self.setup.unpark, Event::Up(who, role == Role::Watch));
        true
    }

    fn expire(&mut self, who: usize) {
        if self.counts.retire(self.setup.min) {
            self.stack.retain(|&parked| parked != who);
            self.set(who, At::Gone);
        }
    }

    // --- `worker.rs` ---

    fn look(&mut self, who: usize) {
        if let Some(job) = self.take() {
            let counts = self.counts.run();
            self.set(who, At::Inside);
            self.threads[who].run = 0;
            let delay = if counts.idle() == 0 && !self.queue.is_empty() { self.grow() } else { 0 };
            self.work(who, job, delay);
        } else if self.counts.load().idle() == 1 && self.setup.linger > 0 {
            self.lingering = Some(who);
            self.after(self.setup.linger, Event::LingerOver(who, self.threads[who].life));
        } else {
            self.park(who);
        }
    }

    fn work(&mut self, who: usize, job: Job, delay: u64) {
        self.threads[who].run += 1;
        self.threads[who].computes = job.computes;
        self.computing += usize::from(job.computes);
        self.after(job.takes.saturating_add(delay), Event::Done(who));
    }

    fn done(&mut self, who: usize) {
        self.computing -= usize::from(self.threads[who].computes);
        self.history.finished += 1;
        self.history.load_ended = self.now;
        if let Some(job) = self.take() {
            self.work(who, job, 0);
            return;
        }
        self.stuck = self.stuck.min(self.counts.rest().running());
        self.set(who, At::Idle);
        let holds_off = self.threads[who].run > 1 && self.setup.linger > 0;
        self.after(if holds_off { HOLD_OFF } else { 0 }, Event::Look(who));
    }

    fn park(&mut self, who: usize) {
        if self.lingering == Some(who) {
            self.lingering = None;
        }
        self.threads[who].life += 1;
        self.stack.push(who);
        self.counts.park();
        self.set(who, At::Parked);
        if self.counts.load().threads() > self.setup.min {
            self.after(self.setup.keep_alive, Event::Expire(who, self.threads[who].life));
        }
    }

    // --- `watch.rs` ---

    fn stand(&mut self, who: usize) {
        let Scale::OnStall { tick } = self.setup.scale else { panic!("a watch under {:?}", self.setup) };
        let watch = Watch::new(tick);
        let wait = nanos(watch.tick());
        let (seen, queued) = ((self.now, self.history.taken.len()), self.queue.len());
        self.threads[who].watch = Some(Stand { watch, wait, seen, queued, stalls: 0 });
        self.after(wait, Event::Tick(who));
    }

    fn tick(&mut self, who: usize) {
        self.history.ticks += 1;
        let (counts, queued) = (self.counts.load(), self.queue.len());
        let taken = self.history.taken.len();
        let stand = self.threads[who].watch.as_mut().expect("a tick without a watch");
        let mut view = View {
            queued,
            queued_before: stand.queued,
            taken: taken - stand.seen.1,
            elapsed: Duration::from_nanos(self.now - stand.seen.0),
            running: counts.running(),
            idle: counts.idle(),
            contended: false,
        };
        view.contended =
            view.is_stalled() && self.load.scarce.contains(&self.now) && self.computing == counts.running();
        self.stuck = view.stuck(self.stuck);
        let verdict = stand.watch.look(view);
        let is_alone = counts.running() + counts.idle() == 0;
        assert_eq!(
            verdict == Verdict::Leave,
            queued == 0 || is_alone,
            "a watch is as long as jobs wait for others: {view:?}"
        );
        (stand.seen, stand.queued) = ((self.now, taken), queued);
        match verdict {
            Verdict::Leave => self.end_watch(who),
            Verdict::Wait(wait) => {
                (stand.stalls, stand.wait) = (0, nanos(wait));
                self.after(nanos(wait), Event::Tick(who));
            }
            Verdict::Bring(wanted, wait) => {
                assert!(wanted > 0 && wanted + view.idle <= queued, "{wanted} for {view:?}");
                let most = 1_usize.checked_shl(stand.stalls).unwrap_or(usize::MAX);
                assert!(wanted <= most, "{wanted} after {} stalls", stand.stalls);
                stand.stalls = if view.contended { 0 } else { stand.stalls + 1 };
                stand.wait = nanos(wait);
                self.bring(who, 0, wanted, true);
            }
        }
    }

    /// `Core::bring`, one thread at a time, as each takes its time to start.
    fn bring(&mut self, who: usize, came: usize, wanted: usize, waking: bool) {
        let waking = waking && self.counts.load().parked() > 0;
        let cost = if waking { 0 } else { self.setup.start };
        let is_needed = self.queue.len() > self.counts.load().idle();
        if came < wanted && is_needed && if waking { self.wake(Role::Work) } else { self.start(Role::Work) } {
            self.after(cost, Event::Bring { who, came: came + 1, wanted, waking });
        } else if came > 0 || !is_needed {
            let wait = self.threads[who].watch.as_ref().map_or(0, |stand| stand.wait);
            self.after(wait, Event::Tick(who));
        } else {
            self.end_watch(who);
        }
    }

    fn end_watch(&mut self, who: usize) {
        self.threads[who].watch = None;
        self.counts.end_watch();
        self.set(who, At::Idle);
        self.look(who);
    }

    // --- What holds at any time. ---

    fn check(&mut self) {
        let (counts, queued, max) = (self.counts.load(), self.queue.len(), self.setup.max);
        let (threads, running) = (counts.threads(), counts.running());
        let [idle, inside, parked, watch, _] = self.at;
        let counted = [counts.idle(), running, counts.parked(), usize::from(counts.has_watch())];
        assert_eq!(counted, [idle, inside, parked, watch], "a thread is not counted as what it is at");
        assert!((self.setup.min..=max).contains(&threads), "{threads} threads");
        assert_eq!(self.history.taken.len(), self.history.finished + inside, "a job got lost");
        let is_full = inside == max;
        let has_quota = match self.setup.scale {
            Scale::OnStall { .. } => false,
            Scale::PerQueued(n) => running * n.max(1) >= queued + running,
        };
        assert!(
            queued == 0 || idle + watch > 0 || is_full || has_quota,
            "nobody sees to {queued} jobs: {counts:?}"
        );
        if std::mem::replace(&mut self.is_excused, is_full || has_quota) {
            self.waits_since = self.now;
        }
        let waited = self.now - self.waits_since;
        assert!(
            queued == 0 || waited <= self.longest_wait(),
            "the first of {queued} jobs waits {waited}: {counts:?}"
        );
        if self.history.threads.last().is_none_or(|&(_, last)| last != threads) {
            self.history.threads.push((self.now, threads));
        }
    }

    /// How long a thread is on its way.
    fn on_its_way(&self) -> u64 {
        self.setup.start.max(self.setup.unpark).max(HOLD_OFF)
    }

    /// From one look of the watch to the next, at the most.
    fn longest_tick(&self) -> u64 {
        let Scale::OnStall { tick } = self.setup.scale else { return 0 };
        LONGEST_STRETCH * nanos(tick)
    }

    /// For how long no job is taken although jobs wait and not all threads up to the cap are inside one. If a thread is
    /// idle, it takes one as soon as it is up. If not, one is on watch as soon as it is up, or already: the first look
    /// may still see what was taken before, the next sees that nothing was, and then a thread is on its way, or the
    /// watch itself steps in. For want of processors, that is put off to the first look after `LONGEST_CONTENTION`.
    fn longest_wait(&self) -> u64 {
        let contention =
            if self.load.scarce.is_empty() { 0 } else { LONGEST_CONTENTION + self.longest_tick() };
        2 * self.on_its_way() + 2 * self.longest_tick() + contention
    }

    /// What holds when nothing happens any more. Those that stay without a limit to their sleep are `min` at the most.
    fn check_end(&self) {
        let Setup { min, max, keep_alive, linger, start, .. } = self.setup;
        let counts = self.counts.load();
        assert_eq!(counts.threads(), min.max(counts.running()), "{counts:?}");
        assert_eq!(counts.parked() + counts.running(), counts.threads(), "{counts:?}");
        // The last to come may have been started, one after the other, for jobs that others have taken since.
        let settled = max as u64 * start + self.longest_wait() + self.longest_tick() + linger + HOLD_OFF;
        let shrunk =
            self.history.threads.last().map_or(0, |&(at, _)| at.saturating_sub(self.history.load_ended));
        assert!(shrunk <= keep_alive + settled, "{shrunk} until the surplus was gone");
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap()
}
