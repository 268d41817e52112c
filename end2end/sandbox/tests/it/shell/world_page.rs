//! The page of the pretend world and its forms.

use sandbox::{
    discord::{PERSON_ADA, PERSON_BARBARA, ROLE_PATRON},
    shell::Options,
};

use super::{Outside, TestResult, quiet};

async fn demo() -> TestResult<Outside> {
    Outside::start(Options {
        demo: true,
        ..quiet()
    })
    .await
}

impl Outside {
    /// Posts a form as the page's buttons do; gives the status and where it leads.
    async fn press(&self, control: &str, fields: &[(&str, &str)]) -> TestResult<(u16, String)> {
        let answer = self
            .http
            .post(self.at(&format!("/_sandbox/{control}")))
            .header("referer", self.at("/"))
            .form(fields)
            .send()
            .await?;
        let leads = answer
            .headers()
            .get("location")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        Ok((answer.status().as_u16(), leads))
    }
}

/// The row of one person.
fn row(page: &str, user: u64) -> TestResult<&str> {
    let start = page
        .find(&format!("<li data-user=\"{user}\""))
        .ok_or("no such row")?;
    let rest = page.get(start..).unwrap_or_default();
    Ok(rest.split("</li>").next().unwrap_or_default())
}

#[tokio::test]
async fn people_and_their_roles_are_shown_and_changed() -> TestResult {
    let world = demo().await?;
    let page = world.page("/").await?;
    assert!(page.contains("The Revenue Council, a pretend world"));
    let ada = row(&page, PERSON_ADA)?;
    assert!(
        ada.contains("data-in-server=\"true\"") && ada.contains("Ada Lovelace"),
        "{ada}"
    );
    assert!(!ada.contains("data-role="), "{ada}");
    assert!(row(&page, PERSON_BARBARA)?.contains("data-in-server=\"false\""));
    let (ada_id, patron) = (PERSON_ADA.to_string(), ROLE_PATRON.to_string());
    let pressed = world
        .press("discord/role_add", &[("user", &ada_id), ("role", &patron)])
        .await?;
    assert_eq!(pressed, (303, "/".into()));
    let barbara = PERSON_BARBARA.to_string();
    assert_eq!(
        world.press("discord/join", &[("user", &barbara)]).await?.0,
        303
    );
    let page = world.page("/").await?;
    assert!(row(&page, PERSON_ADA)?.contains("data-role=\"Patron\""));
    assert!(row(&page, PERSON_BARBARA)?.contains("data-in-server=\"true\""));
    assert_eq!(
        world.press("discord/join", &[("user", &barbara)]).await?.0,
        409,
        "told on a page of its own"
    );
    Ok(())
}

#[tokio::test]
async fn names_are_shown_as_text() -> TestResult {
    let world = demo().await?;
    let name = "<script>alert(1)</script>";
    assert_eq!(world.press("discord/user", &[("name", name)]).await?.0, 303);
    world.customer("<img src=x onerror=a>@x.test").await?;
    let page = world.page("/").await?;
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(!page.contains("<script>alert") && !page.contains("<img"));
    Ok(())
}

#[tokio::test]
async fn the_clock_and_trouble_have_buttons() -> TestResult {
    let world = demo().await?;
    assert!(world.page("/").await?.contains("Everything works."));
    let fields = [("target", "stripe"), ("kind", "answer"), ("status", "503")];
    assert_eq!(world.press("faults", &fields).await?.0, 303);
    let fields = [("target", "deliveries"), ("double", "100")];
    assert_eq!(world.press("faults", &fields).await?.0, 303);
    let page = world.page("/").await?;
    assert!(page.contains("stripe answers 503"), "{page}");
    assert!(page.contains("100 of 100 events are sent twice"));
    assert_eq!(world.customer("a@x.test").await?.status(), 503);
    assert_eq!(world.press("faults/clear", &[]).await?.0, 303);
    assert!(world.page("/").await?.contains("Everything works."));
    assert_eq!(world.customer("a@x.test").await?.status(), 200);
    assert!(
        world
            .page("/")
            .await?
            .contains("data-type=\"customer.created\"")
    );
    let before = world.get("/_sandbox/clock").await?;
    assert_eq!(
        world.press("clock", &[("advance_hours", "1")]).await?.0,
        303
    );
    let after = world.get("/_sandbox/clock").await?;
    assert_eq!(
        after["now_ms"].as_i64(),
        before["now_ms"].as_i64().map(|ms| ms + 3_600_000)
    );
    for file in ["/style.css", "/world.js"] {
        let answer = world.http.get(world.at(file)).send().await?;
        assert_eq!(answer.status(), 200, "{file}");
    }
    Ok(())
}
