//! The interface `timer-handler`: the plugin's timers.

use crate::Plugin;

/// Is called when a timer set by `timers::set` is due (interface `timer-handler`, granted as `timer-handler`).
pub trait TimerHandler: Plugin {
    /// The timer of that name is due.
    fn due(&self, name: &str);
}

/// The step of the test harness.
#[cfg(not(target_family = "wasm"))]
mod harness {
    use super::TimerHandler;
    use crate::harness::Harness;

    impl<P: TimerHandler> Harness<P> {
        /// Calls the plugin for each timer that is due, and says for how many it was.
        pub fn run_timers(&mut self) -> Result<usize, String> {
            let now = self.world.elapsed;
            let due = self.world.timers.iter();
            let due = due.filter(|(_, timer)| timer.due <= now);
            let due: Vec<String> = due.map(|(name, _)| name.clone()).collect();
            for name in &due {
                if let Some(mut timer) = self.world.timers.remove(name)
                    && let Some(period) = timer.period
                {
                    timer.due = now.saturating_add(period);
                    self.world.timers.insert(name.clone(), timer);
                }
                self.call(|plugin| plugin.due(name))?;
            }
            Ok(due.len())
        }
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_timer_handler {
    ($plugin:ty) => {
        impl $crate::bindings::timer_handler::exports::waxwing::plugin::timer_handler::Guest for Component {
            fn due(name: ::std::string::String) {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::TimerHandler>::due(plugin, &name)))
            }
        }
        $crate::bindings::timer_handler::export_timer_handler!(Component with_types_in $crate::bindings::timer_handler);
    };
}
