//! Settings of a lane.

use super::handle::Lane;
use crate::group::Group;

/// Settings of a [`Lane`]. Made by [`Lane::builder`].
///
/// ```
/// use aside::{Group, Lane};
///
/// let group = Group::builder().name("db").build()?;
/// let lane = Lane::builder().group(&group).queue_limit(1_000).build(Vec::new());
/// lane.offload(|rows| rows.push(1)).wait();
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct LaneBuilder {
    group: Option<Group>,
    queue_limit: Option<usize>,
}

impl LaneBuilder {
    /// The group whose threads run the lane's jobs. Without it, [`Group::global`].
    ///
    /// The lane holds a handle to the group, so the group stays open for as long as the lane has handles.
    #[must_use]
    pub fn group(mut self, group: &Group) -> Self {
        self.group = Some(group.clone());
        self
    }

    /// How many jobs may wait in this lane, besides the one that runs. Without it, as many as memory holds. As for
    /// [a group's limit](crate::Builder::queue_limit), [`offload`](Lane::offload) goes beyond it and counts;
    /// [`try_offload`](Lane::try_offload) and [`offload_wait`](Lane::offload_wait) keep to it. (With 0, they refuse every job.) A [`drain`](Lane::drain) takes no place. The limit of the group's own queue does not
    /// hold for lanes.
    #[must_use]
    pub fn queue_limit(mut self, jobs: usize) -> Self {
        self.queue_limit = Some(jobs);
        self
    }

    /// The lane, around its value. Starts no thread.
    pub fn build<T: Send + 'static>(self, value: T) -> Lane<T> {
        let group = self.group.unwrap_or_else(|| Group::global().clone());
        Lane::new(value, group, self.queue_limit)
    }
}
