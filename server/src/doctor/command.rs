//! `rollcall doctor`: beside a live server or before the first start. It never writes.

use super::{Area, Checked, Patient, Report, configuration, database, look, print};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::rng::Rng;
use crate::serve::{Outside, doors};
use std::io::{self, Write};
use std::sync::Arc;

/// Looks, and tells `out` a line each; answers whether nothing would keep a payer out.
pub async fn run(
    get: impl Fn(&str) -> Option<String>,
    out: &mut impl Write,
    width: Option<usize>,
) -> io::Result<bool> {
    let report = match configuration::read(get) {
        Ok(config) => of(&config).await,
        Err(findings) => {
            let mut report = Report::default();
            report.add(
                Area::Configuration,
                findings.into_iter().map(Checked::from).collect(),
            );
            report
        }
    };
    print(&report, out, width)?;
    Ok(!report.keeps_out())
}

async fn of(config: &Config) -> Report {
    let mut report = Report::default();
    let outside = match Outside::over_http() {
        Ok(outside) => outside,
        Err(error) => {
            tracing::error!(error = %error, "no HTTP client");
            let finding = super::Finding::keeps_out(
                "This machine cannot make HTTPS connections.",
                "See whether its certificates and its network are in order.",
            );
            report.add(Area::Configuration, vec![finding.into()]);
            return report;
        }
    };
    let clock = Arc::new(SystemClock::default());
    let doors = doors(config, &outside, None, clock, &Rng::from_os());
    let (db, without) = match database::open(config).await {
        database::Opened::Db(db) => (Some(db), None),
        database::Opened::None(checked) => (None, Some(checked)),
    };
    let patient = Patient {
        config,
        stripe: &*doors.stripe,
        discord: &*doors.discord,
        mail: doors.mail.as_deref(),
        db: db.as_ref(),
    };
    let mut report = look(&patient).await;
    if let Some(checked) = without {
        let at = report
            .lines
            .iter()
            .position(|(area, _)| *area != Area::Configuration);
        let at = at.unwrap_or(report.lines.len());
        report.lines.insert(at, (Area::Database, checked));
    }
    if let Some(db) = db {
        db.close().await;
    }
    report
}
