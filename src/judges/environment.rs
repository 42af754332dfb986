//! What judges take from the outside besides the network: variables, the time of day, chance and money.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::budget::{Budget, MemoryBudget};
use super::endpoint::Variables;
use crate::secrets::process_variable;

/// The surroundings of all judges of a process. The default is the real world with a budget kept in memory.
#[derive(Clone)]
pub struct JudgeEnvironment {
    /// Looks up an environment variable.
    pub variables: Arc<Variables>,
    /// The time of day.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Uniform in [0, 1).
    pub random: Arc<dyn Fn() -> f64 + Send + Sync>,
    /// Where spending is counted.
    pub budget: Arc<dyn Budget>,
    /// Whether keys are read: who makes no call needs none.
    pub reads_keys: bool,
}

impl Default for JudgeEnvironment {
    fn default() -> Self {
        Self {
            variables: Arc::new(process_variable),
            now: Arc::new(Timestamp::now),
            random: Arc::new(rand::random::<f64>),
            budget: Arc::new(MemoryBudget::default()),
            reads_keys: true,
        }
    }
}

impl fmt::Debug for JudgeEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JudgeEnvironment").field("budget", &self.budget).finish_non_exhaustive()
    }
}
