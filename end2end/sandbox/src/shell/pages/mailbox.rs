//! What was sent.

use super::html::{button, document, each, escape, moment};
use crate::{ApiResponse, World, mail::Message};

pub(super) fn list(world: &World) -> String {
    let rows = each(world.mail.messages().iter().rev(), row);
    let body = if rows.is_empty() {
        "<p class=\"empty\">No mail yet. What the app sends to this sandbox’s SMTP address shows here.</p>".to_owned()
    } else {
        format!("<ul class=\"mail\">{rows}</ul>")
    };
    let clear = button("mail/clear", "Empty the mailbox", &[]);
    document(
        "Mailbox",
        &format!(
            "<main><header><h1>Mailbox</h1><nav><a href=\"/\">World</a>{clear}</nav></header>{body}</main>"
        ),
    )
}

fn row(message: &Message) -> String {
    format!(
        "<li data-mail=\"{}\"><a href=\"/mail/{}\"><strong>{}</strong><span>to {}</span>\
         <time>{}</time></a></li>",
        message.id,
        message.id,
        escape(subject(message)),
        escape(&message.recipients.join(", ")),
        moment(message.at_ms)
    )
}

fn subject(message: &Message) -> &str {
    if message.subject.is_empty() {
        "(no subject)"
    } else {
        &message.subject
    }
}

/// `ID` is the message, `ID/html` its HTML part alone, for the frame in which it is shown.
pub(super) fn message(world: &World, rest: &str) -> ApiResponse {
    let (id, part) = rest.split_once('/').unwrap_or((rest, ""));
    let Some(message) = id.parse().ok().and_then(|id| world.mail.message(id)) else {
        return super::refused(404, "There is no such message.");
    };
    match part {
        "" => ApiResponse::html(200, page(message)),
        "html" => {
            let mut response = ApiResponse::html(200, message.html.clone());
            response.headers.push((
                "content-security-policy".into(),
                "default-src 'none'; style-src 'unsafe-inline'; img-src data:".into(),
            ));
            response
        }
        _ => super::refused(404, "There is no such part."),
    }
}

fn page(message: &Message) -> String {
    let html = if message.html.is_empty() {
        String::new()
    } else {
        format!(
            "<h2>As HTML</h2><iframe title=\"The message as HTML\" sandbox=\"allow-popups\" \
             src=\"/mail/{}/html\"></iframe>",
            message.id
        )
    };
    let text = if message.text.is_empty() {
        String::new()
    } else {
        format!(
            "<h2>As text</h2><pre class=\"letter\">{}</pre>",
            with_links(&message.text)
        )
    };
    let headers = each(&message.headers, |(name, value)| {
        format!("<dt>{}</dt><dd>{}</dd>", escape(name), escape(value))
    });
    document(
        subject(message),
        &format!(
            "<main><header><h1>{}</h1><nav><a href=\"/mail\">Mailbox</a></nav></header>\
             <dl class=\"facts\"><dt>From</dt><dd>{}</dd><dt>To</dt><dd>{}</dd><dt>Sent</dt><dd>{}</dd></dl>\
             {text}{html}<details><summary>Headers</summary><dl class=\"facts\">{headers}</dl></details></main>",
            escape(subject(message)),
            escape(&message.from),
            escape(&message.recipients.join(", ")),
            moment(message.at_ms)
        ),
    )
}

/// The text with its addresses made links, so that an invitation can be followed.
fn with_links(text: &str) -> String {
    text.split_inclusive(char::is_whitespace)
        .map(|word| {
            let address = word.trim_end();
            let address = address.trim_end_matches(['.', ',', ')', '>']);
            if address.starts_with("http://") || address.starts_with("https://") {
                let rest = word.get(address.len()..).unwrap_or_default();
                let address = escape(address);
                format!("<a href=\"{address}\">{address}</a>{}", escape(rest))
            } else {
                escape(word)
            }
        })
        .collect()
}
