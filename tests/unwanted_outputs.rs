//! An output that nobody wants is dropped on the offload thread, and may take its time: a job behind it gets another thread.

mod util;

use aside::Group;
use util::{Gate, start_job, watchdog};

struct Slow(Gate);

impl Drop for Slow {
    fn drop(&mut self) {
        self.0.pass();
    }
}

#[test]
fn a_job_behind_a_slow_destructor_gets_a_thread() {
    let _watchdog = watchdog();
    for _ in 0..200 {
        let group = Group::builder().max_threads(2).build().unwrap();
        let dropped = Gate::new();
        let job = start_job(&group, {
            let dropped = dropped.clone();
            move || Slow(dropped)
        });
        job.offload.detach();
        job.gate.open();
        assert_eq!(group.offload(|| "behind it").wait(), "behind it");
        dropped.open();
    }
}
