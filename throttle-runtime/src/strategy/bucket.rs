//! The methods that the bucket strategies share, because the state of each of them is a [backlog](super::backlog).

/// The methods of a [`Strategy`](super::Strategy) whose state is a backlog. Its `capacity` is the capacity for a
/// rate, in ticks.
macro_rules! bucket_methods {
    () => {
        fn step(
            &self,
            state: &$crate::strategy::State,
            arrival: &$crate::strategy::Arrival,
        ) -> $crate::strategy::Step {
            $crate::strategy::backlog::step(state, arrival, self.capacity(arrival.rate))
        }

        fn plan(&self, rate: $crate::rate::Rate) -> Option<$crate::strategy::Plan> {
            $crate::strategy::Plan::backlog(self.capacity(rate), rate)
        }

        #[cfg(feature = "redis")]
        fn script(&self, arrival: &$crate::strategy::Arrival) -> Option<$crate::strategy::Script> {
            $crate::strategy::backlog::script(arrival, self.capacity(arrival.rate))
        }

        fn refund(
            &self,
            state: &$crate::strategy::State,
            arrival: &$crate::strategy::Arrival,
            elapsed: u64,
        ) -> $crate::strategy::State {
            $crate::strategy::backlog::refund(state, arrival, elapsed)
        }

        fn summary(&self) -> $crate::strategy::Summary {
            $crate::strategy::Summary::Backlog
        }

        fn inherit(
            &self,
            usages: &[$crate::strategy::Usage],
            arrival: &$crate::strategy::Arrival,
        ) -> $crate::strategy::State {
            $crate::strategy::summary::backlog(self, usages, arrival)
        }
    };
}

pub(super) use bucket_methods;
