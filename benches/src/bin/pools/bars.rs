//! What the group is held to, each against the same run's peers.

use crate::peer::Peer;
use crate::workload::Workload;
use aside_benches::bars::{self, Bar};
use aside_benches::results::Results;
use aside_benches::text::number;

/// The bars that the run has figures for. Empty if for none.
pub(crate) fn of(results: &Results<(Workload, Peer)>) -> String {
    bars::table(Bars { results }.all())
}

struct Bars<'a> {
    results: &'a Results<(Workload, Peer)>,
}

impl Bars<'_> {
    fn all(&self) -> Vec<Option<Bar>> {
        use Peer::{Affinity, Blocking, TokioCurrent, TokioMulti};
        use Workload::{All, Blocked, Million, Producers, Roundtrip, Sleeps, SleepsAgain, Window};
        let elastic = [Blocking, TokioCurrent, TokioMulti];
        let mut bars = vec![
            self.against(All, "total_ns", 0.5, &[Affinity]),
            self.against(All, "total_ns", 1.0 / 15.0, &elastic),
            self.fixed(All, "submit_ns", 100.0),
            self.against(All, "submit_ns", 0.6, &[Affinity]),
            self.against(Window, "total_ns", 0.5, &Peer::OTHERS),
            self.against(Producers, "total_ns", 0.7, &Peer::OTHERS),
            self.against_ping_pong(),
            self.against(Roundtrip, "p99_us", 1.0, &Peer::OTHERS),
            self.against(Sleeps, "total_ms", 0.2, &elastic),
            self.fixed(SleepsAgain, "total_ms", 30.0),
            self.fixed(All, "threads", 4.0),
            self.fixed(Window, "threads", 4.0),
            self.fixed(Producers, "threads", 4.0),
            self.fixed(Roundtrip, "threads", 2.0),
            self.fixed(Blocked, "p99_ms", 1.0),
            self.fixed(Blocked, "begun_p99_ms", 1.0),
            self.fixed(Million, "bytes", 150.0),
        ];
        bars.extend(Workload::ALL.map(|workload| self.against(workload, "cpu_ns", 1.0, &Peer::OTHERS)));
        bars.extend(Workload::ALL.map(|workload| self.fixed(workload, "threads_later", 1.0)));
        bars.extend(Workload::ALL.map(|workload| self.fixed(workload, "switches_later", 0.0)));
        bars.extend(["cpu10", "cpu20", "cpu45", "cpu100"].map(|key| self.against_no_linger(key)));
        bars
    }

    fn ours(&self, workload: Workload, key: &str) -> Option<f64> {
        self.results.median((workload, Peer::Aside), key)
    }

    fn fixed(&self, workload: Workload, key: &str, limit: f64) -> Option<Bar> {
        Some(Bar::at_most(format!("{} {key}", workload.name()), self.ours(workload, key)?, limit))
    }

    /// At most that part of the best of those peers.
    fn against(&self, workload: Workload, key: &str, part: f64, peers: &[Peer]) -> Option<Bar> {
        let value = self.ours(workload, key)?;
        let theirs =
            peers.iter().filter_map(|&peer| Some((self.results.median((workload, peer), key)?, peer)));
        let (best, peer) = theirs.min_by(|a, b| a.0.total_cmp(&b.0))?;
        let name = format!("{} {key}, {} × {}", workload.name(), number(part), peer.name());
        Some(Bar::at_most(name, value, part * best))
    }

    /// In every round, so the worst one counts.
    fn against_ping_pong(&self) -> Option<Bar> {
        let (workload, key) = (Workload::Roundtrip, "p50_us");
        let ours = self.results.values((workload, Peer::Aside), key);
        let theirs = self.results.values((workload, Peer::Limit), key);
        let rounds = ours.iter().zip(theirs).map(|(&ours, &theirs)| (ours, 0.5 * theirs));
        let (value, limit) = rounds.max_by(|a, b| (a.0 / a.1).total_cmp(&(b.0 / b.1)))?;
        let name = format!("roundtrip {key}, 0.50 × park/unpark, worst of {} rounds", ours.len());
        Some(Bar::at_most(name, value, limit))
    }

    /// In percentage points of one core.
    fn against_no_linger(&self, key: &str) -> Option<Bar> {
        let without = self.results.median((Workload::Linger, Peer::AsideNoLinger), key)?;
        let value = self.ours(Workload::Linger, key)? - without;
        Some(Bar::at_most(format!("linger {key}, percentage points over no lingering"), value, 3.0))
    }
}
