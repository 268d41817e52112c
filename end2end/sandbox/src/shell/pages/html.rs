//! What every page is made of.

use time::{OffsetDateTime, macros::format_description};

/// Safe as text and inside a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

pub(super) fn document(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <title>{title} · pretend world</title>\
         <link rel=\"icon\" href=\"data:,\">\
         <link rel=\"stylesheet\" href=\"/style.css\"></head>\n<body>{body}</body></html>\n"
    )
}

/// Every item's HTML in a row.
pub(super) fn each<T>(items: impl IntoIterator<Item = T>, html: impl Fn(T) -> String) -> String {
    items.into_iter().fold(String::new(), |mut out, item| {
        out.push_str(&html(item));
        out
    })
}

/// A one-button form that posts these fields to a control.
pub(super) fn button(action: &str, label: &str, fields: &[(&str, &str)]) -> String {
    let hidden = each(fields, |(name, value)| {
        format!(
            "<input type=\"hidden\" name=\"{}\" value=\"{}\">",
            escape(name),
            escape(value)
        )
    });
    format!(
        "<form method=\"post\" action=\"/_sandbox/{}\">{hidden}<button>{}</button></form>",
        escape(action),
        escape(label)
    )
}

/// `21 Nov 2026, 03:48` in UTC.
pub(super) fn moment(ms: i64) -> String {
    OffsetDateTime::from_unix_timestamp(ms.div_euclid(1000))
        .ok()
        .and_then(|at| {
            at.format(format_description!(
                "[day padding:none] [month repr:short] [year], [hour]:[minute]"
            ))
            .ok()
        })
        .unwrap_or_else(|| ms.to_string())
}

/// The same from seconds.
pub(super) fn moment_s(seconds: i64) -> String {
    moment(seconds.saturating_mul(1000))
}

/// Minor units as people write them: `29.00 EUR`; currencies without minor units as they are.
pub(super) fn money(amount: i64, currency: &str) -> String {
    let currency = currency.to_ascii_uppercase();
    if matches!(currency.as_str(), "JPY" | "KRW" | "VND" | "CLP") {
        return format!("{amount} {currency}");
    }
    let sign = if amount < 0 { "−" } else { "" };
    let amount = amount.unsigned_abs();
    format!("{sign}{}.{:02} {currency}", amount / 100, amount % 100)
}

#[cfg(test)]
mod tests {
    use super::{escape, moment, money};

    #[test]
    fn nothing_breaks_out() {
        assert_eq!(
            escape("<a href='x'>\"&"),
            "&lt;a href=&#39;x&#39;&gt;&quot;&amp;"
        );
    }

    #[test]
    fn amounts_and_moments_read_well() {
        assert_eq!(money(2900, "eur"), "29.00 EUR");
        assert_eq!(money(-5, "usd"), "−0.05 USD");
        assert_eq!(money(500, "jpy"), "500 JPY");
        assert_eq!(moment(1_769_817_600_000), "31 Jan 2026, 00:00");
    }
}
