//! A mail's words as plain text and as HTML.

/// A mail's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub subject: String,
    pub paragraphs: Vec<String>,
    /// Label and address of the one thing to do.
    pub action: (&'static str, String),
    /// Why it came: the last line.
    pub because: String,
    /// In mails that are not essential.
    pub unsubscribe: Option<String>,
}

/// Columns of the plain text.
pub(super) const WIDTH: usize = 72;

impl Letter {
    #[must_use]
    pub fn text(&self) -> String {
        let mut blocks: Vec<String> = self.paragraphs.iter().map(|text| wrap(text)).collect();
        blocks.push(format!("{}:\n{}", self.action.0, self.action.1));
        let mut last = wrap(&self.because);
        if let Some(address) = &self.unsubscribe {
            last = format!("To get only what is essential:\n{address}\n\n{last}");
        }
        blocks.push(format!("-- \n{last}"));
        format!("{}\n", blocks.join("\n\n"))
    }

    #[must_use]
    pub fn html(&self) -> String {
        let mut paragraphs = String::new();
        for text in &self.paragraphs {
            paragraphs.push_str("<p>");
            paragraphs.push_str(&escaped(text));
            paragraphs.push_str("</p>");
        }
        let (label, address) = &self.action;
        let unsubscribe = self.unsubscribe.as_ref().map_or_else(String::new, |address| {
            format!(
                "<p style=\"font-size:14px;color:#5b5e66\"><a href=\"{}\" style=\"color:#5b5e66\">\
                 Get only what is essential</a></p>",
                escaped(address)
            )
        });
        format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
             content=\"width=device-width\"><title>{title}</title></head><body style=\"margin:0;\
             padding:24px;background:#fff;color:#1b1d22;font:16px/1.5 system-ui,sans-serif\">\
             <div style=\"max-width:560px\">{paragraphs}<p><a href=\"{address}\" \
             style=\"color:#1b1d22;font-weight:600\">{label}</a></p><hr style=\"border:0;\
             border-top:1px solid #d9dade\">{unsubscribe}<p style=\"font-size:14px;color:#5b5e66\">\
             {because}</p></div></body></html>\n",
            title = escaped(&self.subject),
            address = escaped(address),
            because = escaped(&self.because),
        )
    }
}

/// Breaks lines at spaces; what has none stays whole.
fn wrap(text: &str) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > WIDTH {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
