//! The mail server: reached, greeted, signed in to; no mail is sent.

use super::{Checked, Finding, Patient};
use crate::mail::MailError;

pub(super) async fn look(patient: &Patient<'_>) -> Vec<Checked> {
    let Some(door) = patient.mail else {
        return vec![Checked::right(
            "off; SMTP_URL and MAIL_FROM would switch it on",
        )];
    };
    vec![match door.reach().await {
        Ok(()) => Checked::right("the mail server answers and lets us in"),
        Err(error @ MailError::Settings { .. }) => Finding::advice(
            format!("No mail goes out: {error}."),
            "Compare SMTP_URL and MAIL_FROM with what your mail provider says.",
        )
        .into(),
        Err(error) => Finding::advice(
            format!("No mail goes out: {error}."),
            "See whether the host and port in SMTP_URL are right and can be reached from this machine; hosters often close port 25.",
        )
        .into(),
    }]
}
