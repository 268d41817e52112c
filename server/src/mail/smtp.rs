//! The door to the mail server. One mail, one connection; which step was refused decides whose
//! business it is.

use super::letter::Letter;
use crate::config::{MailSettings, SmtpSettings, SmtpTls};
use async_trait::async_trait;
use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::{Address, Message};
use secrecy::{ExposeSecret, SecretString};
use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};
use url::Url;

const CONNECT: Duration = Duration::from_secs(10);
/// The whole conversation; a lease outlives it.
const CONVERSATION: Duration = Duration::from_secs(30);
/// For a greeting and a sign-in.
const REACH: Duration = Duration::from_secs(15);
const GOODBYE: Duration = Duration::from_secs(2);

/// Why a mail was not taken. Texts are ours: the server's own may hold the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// Not reached, broke off, or "not now" (4xx). When it broke off after the text, the mail
    /// may have been taken all the same.
    #[error("the mail server does not take mail now{}", in_words(*.0))]
    Later(Option<u16>),
    /// Our own settings: login, sender, TLS.
    #[error("the mail server refuses {what}{}", in_words(*.code))]
    Settings {
        what: &'static str,
        code: Option<u16>,
    },
    /// For good (5xx), or it is no address at all.
    #[error("the mail server refused the address{}", in_words(*.0))]
    Address(Option<u16>),
    /// For good, and not because of the address.
    #[error("the mail server refused the mail{}", in_words(*.0))]
    Refused(Option<u16>),
}

fn in_words(code: Option<u16>) -> String {
    code.map(|code| format!(" ({code})")).unwrap_or_default()
}

/// One mail as it is handed over.
pub struct Outgoing<'a> {
    /// Decides the Message-ID, so that a mail that arrives twice is known for one.
    pub id: &'a str,
    pub to: &'a SecretString,
    pub date_ms: i64,
    pub letter: &'a Letter,
}

#[async_trait]
pub trait MailDoor: Send + Sync {
    async fn send(&self, mail: &Outgoing<'_>) -> Result<(), MailError>;

    /// Connects, signs in, and leaves: whether mail would be taken at all.
    async fn reach(&self) -> Result<(), MailError>;
}

/// SMTP as RFC 5321 has it, with STARTTLS and AUTH.
pub struct Smtp {
    from: Mailbox,
    hello: ClientId,
    server: SmtpSettings,
}

impl Smtp {
    /// The community's name is the sender's unless `MAIL_FROM` has one.
    #[must_use]
    pub fn new(settings: MailSettings, community: &str, public_url: &Url) -> Self {
        let MailSettings { smtp, mut from } = settings;
        from.name.get_or_insert_with(|| community.to_owned());
        let host = public_url.host_str().unwrap_or("localhost");
        let hello = match host.trim_matches(['[', ']']).parse() {
            Ok(IpAddr::V4(ip)) => ClientId::Ipv4(ip),
            Ok(IpAddr::V6(ip)) => ClientId::Ipv6(ip),
            Err(_) => ClientId::Domain(host.to_owned()),
        };
        Self {
            from,
            hello,
            server: smtp,
        }
    }

    fn message(&self, mail: &Outgoing<'_>, to: Address) -> Result<Message, MailError> {
        let date = UNIX_EPOCH + Duration::from_millis(u64::try_from(mail.date_ms).unwrap_or(0));
        let mut builder = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(&mail.letter.subject)
            .date(date)
            .message_id(Some(format!("<{}@{}>", mail.id, self.from.email.domain())))
            .raw_header(header("Auto-Submitted", "auto-generated"));
        if let Some(address) = &mail.letter.unsubscribe {
            builder = builder
                .raw_header(header("List-Unsubscribe", &format!("<{address}>")))
                .raw_header(header(
                    "List-Unsubscribe-Post",
                    "List-Unsubscribe=One-Click",
                ));
        }
        builder
            .multipart(MultiPart::alternative_plain_html(
                mail.letter.text(),
                mail.letter.html(),
            ))
            .map_err(|_| MailError::Refused(None))
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, MailError> {
        let server = &self.server;
        let tls = || {
            TlsParameters::new(server.host.clone())
                .map_err(|error| settings("the name in SMTP_URL", &error))
        };
        let wrapped = match server.tls {
            SmtpTls::Wrapped => Some(tls()?),
            _ => None,
        };
        let at = (server.host.as_str(), server.port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(at, Some(CONNECT), &self.hello, wrapped, None)
                .await
                .map_err(|error| sort("this server", &error))?;
        let upgrade = match server.tls {
            SmtpTls::Required => true,
            SmtpTls::Opportunistic => connection.can_starttls(),
            SmtpTls::None | SmtpTls::Wrapped => false,
        };
        if upgrade {
            connection
                .starttls(tls()?, &self.hello)
                .await
                .map_err(|error| sort("TLS", &error))?;
        }
        if let Some((user, password)) = &server.login {
            let login = Credentials::new(user.clone(), password.expose_secret().to_owned());
            connection
                .auth(&[Mechanism::Plain, Mechanism::Login], &login)
                .await
                .map_err(|error| sort("the login in SMTP_URL", &error))?;
        }
        Ok(connection)
    }

    async fn hand_over(
        &self,
        connection: &mut AsyncSmtpConnection,
        message: &Message,
    ) -> Result<(), MailError> {
        let envelope: &Envelope = message.envelope();
        let mut parameters = Vec::new();
        let ascii = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
        if !(envelope.from().is_none_or(ascii) && envelope.to().iter().all(ascii)) {
            if !connection
                .server_info()
                .supports_feature(Extension::SmtpUtfEight)
            {
                return Err(MailError::Address(None));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        connection
            .command(Mail::new(envelope.from().cloned(), parameters))
            .await
            .map_err(|error| sort("the sender in MAIL_FROM", &error))?;
        for to in envelope.to() {
            connection
                .command(Rcpt::new(to.clone(), Vec::new()))
                .await
                .map_err(|error| of_recipient(&error))?;
        }
        connection
            .command(Data)
            .await
            .map_err(|error| of_text(&error))?;
        connection
            .message(&message.formatted())
            .await
            .map_err(|error| of_text(&error))?;
        Ok(())
    }
}

#[async_trait]
impl MailDoor for Smtp {
    async fn send(&self, mail: &Outgoing<'_>) -> Result<(), MailError> {
        let to: Address = mail
            .to
            .expose_secret()
            .parse()
            .map_err(|_| MailError::Address(None))?;
        let message = self.message(mail, to)?;
        let mut connection = None;
        let outcome = tokio::time::timeout(CONVERSATION, async {
            let connection = connection.insert(self.connect().await?);
            self.hand_over(connection, &message).await
        })
        .await
        .unwrap_or(Err(MailError::Later(None)));
        if let Some(mut connection) = connection {
            // Whatever comes of the goodbye, the outcome is known.
            let _ = tokio::time::timeout(GOODBYE, connection.abort()).await;
        }
        outcome
    }

    async fn reach(&self) -> Result<(), MailError> {
        let connected = tokio::time::timeout(REACH, self.connect()).await;
        let mut connection = connected.unwrap_or(Err(MailError::Later(None)))?;
        let _ = tokio::time::timeout(GOODBYE, connection.abort()).await;
        Ok(())
    }
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

fn code(error: &SmtpError) -> Option<u16> {
    error.status().map(u16::from)
}

fn settings(what: &'static str, error: &SmtpError) -> MailError {
    MailError::Settings {
        what,
        code: code(error),
    }
}

/// Before the recipient nothing is about the person: what is refused for good is ours to mend.
fn sort(what: &'static str, error: &SmtpError) -> MailError {
    if error.is_permanent() || error.is_client() || error.is_tls() {
        settings(what, error)
    } else {
        MailError::Later(code(error))
    }
}

fn of_recipient(error: &SmtpError) -> MailError {
    if !error.is_permanent() {
        MailError::Later(code(error))
    } else if enhanced(error) == Some('7') || matches!(code(error), Some(503 | 530)) {
        // Security or policy (RFC 3463, 3.8), such as a relay that wants a login first.
        settings("to pass mail on for us", error)
    } else {
        MailError::Address(code(error))
    }
}

/// Some servers look at the address only after the text.
fn of_text(error: &SmtpError) -> MailError {
    if !error.is_permanent() {
        MailError::Later(code(error))
    } else if enhanced(error) == Some('1') {
        MailError::Address(code(error))
    } else {
        MailError::Refused(code(error))
    }
}

/// The subject of an enhanced status code (RFC 3463): the middle of "5.1.1".
fn enhanced(error: &SmtpError) -> Option<char> {
    subject(&error.to_string())
}

fn subject(text: &str) -> Option<char> {
    text.split(|c: char| !(c.is_ascii_digit() || c == '.'))
        .find_map(|word| {
            let mut fields = word.split('.');
            match (fields.next(), fields.next(), fields.next(), fields.next()) {
                (Some("5"), Some(subject), Some(detail), None)
                    if subject.len() == 1 && !detail.is_empty() =>
                {
                    subject.chars().next()
                }
                _ => None,
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enhanced_codes_are_found_in_what_servers_say() {
        for (text, expected) in [
            (
                "permanent error (550): 5.1.1 no such mailbox here",
                Some('1'),
            ),
            ("permanent error (554): 5.7.1 relaying denied", Some('7')),
            ("permanent error (550): 5.7.26 not signed", Some('7')),
            ("permanent error (550): no such user", None),
            ("permanent error (550): ask 10.5.7.1", None),
        ] {
            assert_eq!(subject(text), expected, "{text}");
        }
    }

    #[test]
    fn errors_name_what_to_mend_and_no_address() {
        let error = MailError::Settings {
            what: "the login in SMTP_URL",
            code: Some(535),
        };
        assert_eq!(
            error.to_string(),
            "the mail server refuses the login in SMTP_URL (535)"
        );
        assert_eq!(
            MailError::Later(None).to_string(),
            "the mail server does not take mail now"
        );
    }
}
