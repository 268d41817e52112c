//! Who a request to Stripe or Discord is for. It is said once, around the work, rather than handed through
//! every call: whoever says nothing is a person who waits.

use crate::db::dirty::Class;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    Person,
    /// Background work that an event or a timer began.
    Event,
    /// Sweeps, and what comes again after an outage.
    Bulk,
}

tokio::task_local! {
    static PRIORITY: Priority;
}

impl Priority {
    /// Of the work this runs in.
    #[must_use]
    pub fn current() -> Self {
        PRIORITY.try_get().unwrap_or(Self::Person)
    }

    /// Does work whose requests are of this priority.
    pub async fn during<T>(self, work: impl Future<Output = T>) -> T {
        PRIORITY.scope(self, work).await
    }
}

impl From<Class> for Priority {
    fn from(class: Class) -> Self {
        match class {
            Class::Urgent => Self::Person,
            Class::Event => Self::Event,
            Class::Bulk => Self::Bulk,
        }
    }
}
