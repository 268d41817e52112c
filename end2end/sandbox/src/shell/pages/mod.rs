//! The pages for people: the pretend world at `/`, the mailbox at `/mail`. Plain HTML and forms
//! to the control API; a small script only refreshes the page.

mod html;
mod mailbox;
mod world;

use crate::{ApiRequest, ApiResponse, World};

/// Answers a page's address, or 404.
pub(super) fn handle(world: &mut World, request: &ApiRequest) -> ApiResponse {
    if request.method != "GET" && request.method != "HEAD" {
        return refused(404, "There is nothing at this address.");
    }
    match request.path.as_str() {
        "/" => ApiResponse::html(200, world::page(world)),
        "/style.css" => file("text/css", include_str!("style.css")),
        "/world.js" => file("text/javascript", include_str!("world.js")),
        "/mail" => ApiResponse::html(200, mailbox::list(world)),
        "/mail.json" => ApiResponse::json(200, &world.mail.to_json()),
        path => match path.strip_prefix("/mail/") {
            Some(rest) => mailbox::message(world, rest),
            None => refused(404, "There is nothing at this address."),
        },
    }
}

fn file(kind: &str, text: &str) -> ApiResponse {
    ApiResponse {
        status: 200,
        headers: vec![
            ("content-type".into(), format!("{kind}; charset=utf-8")),
            ("cache-control".into(), "max-age=60".into()),
        ],
        body: text.as_bytes().to_vec(),
    }
}

/// A page that says why nothing was done, with the way back.
pub(super) fn refused(status: u16, why: &str) -> ApiResponse {
    let why = html::escape(why);
    let body = format!(
        "<main class=\"narrow\"><h1>That did not happen</h1><p>{why}</p>\
         <p><a href=\"/\">Back to the world</a></p></main>"
    );
    ApiResponse::html(status, html::document("Not done", &body))
}
