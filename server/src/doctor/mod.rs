//! What would keep a payer out, and what is better otherwise: one engine of findings behind
//! `rollcall doctor`, the slash command `/verify-setup`, the incidents of plans' roles and what the
//! desk says of them. It reads, and changes nothing.

mod command;
mod configuration;
mod database;
mod desk;
mod discord;
mod mail;
pub mod plans;
mod print;
mod stripe;

pub use command::run;
pub use print::print;

use crate::config::Config;
use crate::db::Db;
use crate::discord::DiscordApi;
use crate::mail::MailDoor;
use crate::state::AppState;
use crate::stripe::StripeApi;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Somebody who paid, or wants to, would not get in.
    KeepsOut,
    Advice,
}

/// Something to mend: what is wrong, and the clicks that mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    pub what: String,
    pub todo: String,
}

impl Finding {
    pub fn keeps_out(what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self {
            severity: Severity::KeepsOut,
            what: what.into(),
            todo: todo.into(),
        }
    }

    pub fn advice(what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self {
            severity: Severity::Advice,
            what: what.into(),
            todo: todo.into(),
        }
    }

    /// What is wrong, and what to do.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{} {}", self.what, self.todo)
    }
}

/// What a look at one thing brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    Right(String),
    Wrong(Finding),
}

impl Checked {
    fn right(text: impl Into<String>) -> Self {
        Self::Right(text.into())
    }
}

impl From<Finding> for Checked {
    fn from(finding: Finding) -> Self {
        Self::Wrong(finding)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    Configuration,
    Database,
    Stripe,
    Discord,
    Plans,
    Mail,
    /// What waits for an operator.
    Desk,
}

impl Area {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Database => "database",
            Self::Stripe => "Stripe",
            Self::Discord => "Discord",
            Self::Plans => "plans",
            Self::Mail => "mail",
            Self::Desk => "desk",
        }
    }
}

/// Everything that was looked at, in the order it is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub lines: Vec<(Area, Checked)>,
}

impl Report {
    fn add(&mut self, area: Area, checked: Vec<Checked>) {
        self.lines
            .extend(checked.into_iter().map(|checked| (area, checked)));
    }

    #[must_use]
    pub fn findings(&self, severity: Severity) -> Vec<&Finding> {
        self.lines
            .iter()
            .filter_map(|(_, checked)| match checked {
                Checked::Wrong(finding) if finding.severity == severity => Some(finding),
                _ => None,
            })
            .collect()
    }

    #[must_use]
    pub fn keeps_out(&self) -> bool {
        !self.findings(Severity::KeepsOut).is_empty()
    }
}

/// What is looked at, and by which doors.
#[derive(Clone, Copy)]
pub struct Patient<'a> {
    pub config: &'a Config,
    pub stripe: &'a dyn StripeApi,
    pub discord: &'a dyn DiscordApi,
    /// `None`: mail is off.
    pub mail: Option<&'a dyn MailDoor>,
    /// `None`: it cannot be read, and somebody else tells why.
    pub db: Option<&'a Db>,
}

impl<'a> From<&'a AppState> for Patient<'a> {
    fn from(state: &'a AppState) -> Self {
        Self {
            config: &state.config,
            stripe: &*state.stripe,
            discord: &*state.discord,
            mail: state.mail.as_deref(),
            db: Some(&state.db),
        }
    }
}

/// Looks at everything. What cannot be reached is a finding; nothing ends the look.
pub async fn look(patient: &Patient<'_>) -> Report {
    let (database, db) = database::look(patient).await;
    let patient = &Patient { db, ..*patient };
    let (stripe, discord, mail) = futures::join!(
        stripe::look(patient),
        discord::look(patient),
        mail::look(patient),
    );
    let (stripe, catalogue) = stripe;
    let (discord, server) = discord;
    let plans = plans::look(patient, catalogue.as_ref(), server.as_ref()).await;
    let mut report = Report::default();
    report.add(Area::Configuration, configuration::look(patient.config));
    report.add(Area::Database, database);
    report.add(Area::Stripe, stripe);
    report.add(Area::Discord, discord);
    report.add(Area::Plans, plans);
    report.add(Area::Mail, mail);
    report.add(Area::Desk, desk::look(patient).await);
    report
}

/// Says that our own rows could not be read.
fn unread(what: &str, error: &crate::db::DbError) -> Checked {
    tracing::warn!(error = %error, what, "the database could not be read");
    Finding::advice(
        format!("The database did not answer about {what}."),
        "Run this again; if it goes on, look at DATABASE_URL.",
    )
    .into()
}
