//! What the groups are given to do: phases, each with its rate of jobs.

use std::time::Duration;

/// How long an ordinary job blocks.
const SHORT: Duration = Duration::from_millis(5);

pub(crate) struct Phase {
    pub(crate) name: &'static str,
    pub(crate) length: Duration,
    /// Jobs per second as the phase begins and as it ends; in between, the rate changes evenly.
    rate: (f64, f64),
    /// Jobs that come all at once as the phase begins.
    burst: usize,
    /// Every so many jobs, one gets stuck.
    stuck_every: Option<usize>,
}

pub(crate) struct Load {
    pub(crate) phases: Vec<Phase>,
    /// How long a job that gets stuck blocks.
    stuck_for: Duration,
    /// How long a thread stays that has nothing to do. Much less than a group's default, so that one sees it leave.
    pub(crate) keep_alive: Duration,
    /// How much time a point of the picture stands for.
    pub(crate) step: Duration,
}

impl Load {
    pub(crate) fn full() -> Self {
        let phase = |name, millis, rate, burst, stuck_every| Phase {
            name,
            length: Duration::from_millis(millis),
            rate,
            burst,
            stuck_every,
        };
        Self {
            phases: vec![
                phase("rise", 2_000, (50.0, 2_000.0), 0, None),
                phase("burst", 1_000, (200.0, 200.0), 1_000, None),
                phase("stuck jobs", 1_500, (300.0, 300.0), 0, Some(10)),
                phase("fall", 1_500, (1_000.0, 0.0), 0, None),
                phase("quiet", 1_500, (0.0, 0.0), 0, None),
            ],
            stuck_for: Duration::from_millis(300),
            keep_alive: Duration::from_millis(500),
            step: Duration::from_millis(50),
        }
    }

    /// A sixth of the time.
    pub(crate) fn quick() -> Self {
        let mut load = Self::full();
        for phase in &mut load.phases {
            phase.length /= 6;
        }
        Self { stuck_for: load.stuck_for / 6, keep_alive: load.keep_alive / 6, step: load.step / 5, ..load }
    }

    pub(crate) fn length(&self) -> Duration {
        self.phases.iter().map(|phase| phase.length).sum()
    }

    /// When each phase begins.
    pub(crate) fn begins(&self) -> impl Iterator<Item = (Duration, &Phase)> {
        self.phases.iter().scan(Duration::ZERO, |begin, phase| {
            let this = *begin;
            *begin += phase.length;
            Some((this, phase))
        })
    }

    /// The phase at a time; the last one for ever.
    pub(crate) fn phase_at(&self, time: Duration) -> &Phase {
        self.begins()
            .take_while(|&(begin, _)| begin <= time)
            .last()
            .map_or(&self.phases[0], |(_, phase)| phase)
    }

    /// How many jobs are to be submitted until then.
    pub(crate) fn jobs_until(&self, time: Duration) -> usize {
        let jobs = self.begins().filter(|&(begin, _)| begin <= time).map(|(begin, phase)| {
            let into = (time - begin).min(phase.length).as_secs_f64();
            let (first, last) = phase.rate;
            let rise_until_then = (last - first) * into / phase.length.as_secs_f64();
            phase.burst as f64 + into * (first + rise_until_then / 2.0)
        });
        jobs.sum::<f64>() as usize
    }

    /// For how long a job blocks.
    pub(crate) fn job_length(&self, number: usize, submitted_at: Duration) -> Duration {
        match self.phase_at(submitted_at).stuck_every {
            Some(every) if number % every == 0 => self.stuck_for,
            _ => SHORT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jobs_of_a_phase_are_its_burst_and_its_mean_rate() {
        let load = Load::full();
        assert_eq!(load.jobs_until(Duration::ZERO), 0);
        // 2 s at 1,025 jobs per second on average, then the burst.
        assert_eq!(load.jobs_until(Duration::from_millis(1_999)), 2_048);
        assert_eq!(load.jobs_until(Duration::from_secs(2)), 2_050 + 1_000);
        assert_eq!(load.jobs_until(load.length()), 2_050 + 1_200 + 450 + 750);
        assert_eq!(load.jobs_until(Duration::MAX), load.jobs_until(load.length()));
    }

    #[test]
    fn jobs_get_stuck_only_in_their_phase() {
        let load = Load::full();
        let stuck = Duration::from_millis(3_500);
        assert_eq!(load.phase_at(stuck).name, "stuck jobs");
        assert_eq!(load.job_length(20, stuck), load.stuck_for);
        assert_eq!(load.job_length(21, stuck), SHORT);
        assert_eq!(load.job_length(20, Duration::ZERO), SHORT);
        assert_eq!(load.phase_at(Duration::MAX).name, "quiet");
    }
}
