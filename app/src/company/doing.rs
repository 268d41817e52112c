//! What the server functions of companies, seats and invites share: who asks, and where a browser
//! is led afterwards. Errors lead it back to a page that tells them (`?problem=`), and are typed
//! for a script.

use super::CompanyError;
use crate::login::{self, Viewer};
use crate::page::answer;
use leptos::prelude::use_context;
use std::sync::Arc;

/// Longest state of the table that is carried along.
const LONGEST_AT: usize = 512;

/// Who asks, and the port.
pub fn guard<P: ?Sized + Send + Sync + 'static>() -> Result<(Viewer, Arc<P>), CompanyError> {
    let viewer = login::viewer().ok_or(CompanyError::NotSignedIn)?;
    let port = use_context::<Arc<P>>().ok_or(CompanyError::Unavailable)?;
    Ok((viewer, port))
}

/// A page of a company, and how it stood.
#[derive(Clone, Debug)]
pub struct Place {
    path: String,
    /// State of the page: a query without its question mark.
    at: String,
    anchor: &'static str,
}

impl Place {
    /// `/company/{id}`
    #[must_use]
    pub fn company(id: &str) -> Self {
        Self {
            path: page_of(id),
            at: String::new(),
            anchor: "",
        }
    }

    /// `/company`
    #[must_use]
    pub fn list() -> Self {
        Self {
            path: "/company".to_owned(),
            at: String::new(),
            anchor: "",
        }
    }

    /// `/company/new`
    #[must_use]
    pub fn new_company() -> Self {
        Self {
            path: "/company/new".to_owned(),
            at: String::new(),
            anchor: "",
        }
    }

    /// `/company/{id}/{page}`
    #[must_use]
    pub fn within(id: &str, page: &str) -> Self {
        Self {
            path: format!("{}/{page}", page_of(id)),
            at: String::new(),
            anchor: "",
        }
    }

    /// With the table as it stood: `at` comes from a form, and anything but a query is dropped.
    #[must_use]
    pub fn table(id: &str, at: &str) -> Self {
        let query = at.len() <= LONGEST_AT
            && at
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"%=&._~+-".contains(&byte));
        Self {
            path: page_of(id),
            at: if query { at.to_owned() } else { String::new() },
            anchor: "seats",
        }
    }

    #[must_use]
    pub fn anchored(mut self, anchor: &'static str) -> Self {
        self.anchor = anchor;
        self
    }

    /// Its address with these words of a query.
    #[must_use]
    pub fn with(&self, query: &[(&str, &str)]) -> String {
        let pairs = query
            .iter()
            .map(|(name, value)| format!("{name}={}", answer::query_value(value)));
        let at = (!self.at.is_empty()).then(|| self.at.clone());
        let query: Vec<String> = at.into_iter().chain(pairs).collect();
        let mut address = self.path.clone();
        if !query.is_empty() {
            address.push('?');
            address.push_str(&query.join("&"));
        }
        if !self.anchor.is_empty() {
            address.push('#');
            address.push_str(self.anchor);
        }
        address
    }
}

/// `/company/{id}`, whatever the id.
#[must_use]
pub fn page_of(id: &str) -> String {
    format!("/company/{}", answer::query_value(id))
}

/// Says at `place` what was done (`?done=`), or why not.
pub fn told(
    result: Result<(), CompanyError>,
    place: &Place,
    done: &str,
) -> Result<(), CompanyError> {
    match result {
        Ok(()) => {
            answer::see_other(&place.with(&[("done", done)]));
            Ok(())
        }
        Err(error) => refused(error, place, &[]),
    }
}

/// A browser is led to `place`, which tells the error; a script gets it typed.
pub fn refused(
    error: CompanyError,
    place: &Place,
    more: &[(&str, &str)],
) -> Result<(), CompanyError> {
    if !answer::wants_html() {
        answer::status(error.told().status);
        return Err(error);
    }
    if error == CompanyError::NotSignedIn {
        let next = answer::query_value(&place.with(more));
        answer::see_other(&format!("/login?next={next}"));
    } else {
        // What went wrong stands at the top of the page.
        let top = Place {
            anchor: "",
            ..place.clone()
        };
        let mut query = more.to_vec();
        query.push(("problem", error.slug()));
        answer::see_other(&top.with(&query));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn a_place_keeps_the_table_as_it_stood() {
        let place = Place::table("com_1", "q=ada&page=2");
        assert_eq!(
            place.with(&[("done", "freed"), ("undo", "seat_1")]),
            "/company/com_1?q=ada&page=2&done=freed&undo=seat_1#seats"
        );
        assert_eq!(Place::company("com_1").with(&[]), "/company/com_1");
        assert_eq!(
            Place::within("com_1", "number").with(&[("seats", "7")]),
            "/company/com_1/number?seats=7"
        );
    }

    #[test]
    fn nothing_leads_elsewhere() {
        assert_eq!(
            Place::company("//evil.example/?x").with(&[]),
            "/company/%2F%2Fevil.example%2F%3Fx"
        );
        for at in ["q=a#b", "q=a\r\nx: y", "/..", "q=<b>", &"a".repeat(513)] {
            assert_eq!(
                Place::table("com_1", at).anchored("").with(&[]),
                "/company/com_1",
                "{at}"
            );
        }
    }
}
