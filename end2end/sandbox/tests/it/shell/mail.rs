//! Mail: taken by SMTP, shown, refused.

use std::net::SocketAddr;

use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use super::{NOVEMBER_MS, Outside, TestResult};

/// Speaks SMTP and checks the code of each answer.
struct Sender(BufReader<TcpStream>);

impl Sender {
    async fn connect(addr: SocketAddr) -> TestResult<Self> {
        let mut sender = Self(BufReader::new(TcpStream::connect(addr).await?));
        assert_eq!(sender.code().await?, "220");
        Ok(sender)
    }

    async fn code(&mut self) -> TestResult<String> {
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).await? == 0 {
                return Err("the connection ended".into());
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(line.get(..3).unwrap_or_default().to_owned());
            }
        }
    }

    async fn say(&mut self, line: &str, expected: &str) -> TestResult {
        self.0.write_all(format!("{line}\r\n").as_bytes()).await?;
        self.0.flush().await?;
        assert_eq!(self.code().await?, expected, "{line}");
        Ok(())
    }
}

#[tokio::test]
async fn mail_is_taken_shown_and_refused() -> TestResult {
    let world = Outside::quiet().await?;
    let addr = world.sandbox.smtp_addr.ok_or("no mail is taken")?;
    let refuse = json!({"target": "mail", "refuse": "gone@"});
    assert_eq!(world.control("faults", &refuse).await?.0, 200);
    let mut sender = Sender::connect(addr).await?;
    sender.say("MAIL FROM:<desk@x.test>", "250").await?;
    sender.say("DATA", "503").await?;
    sender.say("EHLO app", "250").await?;
    sender.say("AUTH LOGIN", "334").await?;
    sender.say("dXNlcg==", "334").await?;
    sender.say("cGFzcw==", "235").await?;
    sender.say("AUTH PLAIN AHUAcA==", "235").await?;
    sender.say("RCPT TO:<ada@x.test>", "503").await?;
    sender
        .say("MAIL FROM:<desk@x.test> BODY=8BITMIME", "250")
        .await?;
    sender.say("RCPT TO:<gone@x.test>", "550").await?;
    sender.say("RCPT TO:<ada@x.test>", "250").await?;
    sender.say("DATA", "354").await?;
    let letter = "From: Council <desk@x.test>\r\nTo: ada@x.test\r\nSubject: =?utf-8?Q?You=E2=80=99re_in?=\r\n\
        Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
        <b>Hello</b>\r\n..dots=2E\r\nhttp://app.test/invite/abc.\r\n.";
    sender.say(letter, "250").await?;
    sender.say("NONSENSE", "500").await?;
    sender.say("RSET", "250").await?;
    sender.say("QUIT", "221").await?;
    let kept = world.get("/mail.json").await?;
    assert_eq!(kept.as_array().map(Vec::len), Some(1));
    assert_eq!(kept[0]["subject"], "You’re in");
    assert_eq!(kept[0]["recipients"], json!(["ada@x.test"]));
    assert_eq!(
        kept[0]["text"],
        "<b>Hello</b>\n.dots.\nhttp://app.test/invite/abc.\n"
    );
    assert_eq!(kept[0]["at_ms"], NOVEMBER_MS);
    let list = world.page("/mail").await?;
    assert!(
        list.contains("You’re in") && list.contains("href=\"/mail/1\""),
        "{list}"
    );
    let page = world.page("/mail/1").await?;
    assert!(page.contains("&lt;b&gt;Hello&lt;/b&gt;"), "{page}");
    assert!(
        page.contains("<a href=\"http://app.test/invite/abc\">"),
        "{page}"
    );
    assert_eq!(
        world.http.get(world.at("/mail/2")).send().await?.status(),
        404
    );
    assert_eq!(world.control("mail/clear", &json!({})).await?.0, 200);
    assert_eq!(world.get("/mail.json").await?, json!([]));
    Ok(())
}

#[tokio::test]
async fn a_mailbox_that_is_down_or_falls_silent() -> TestResult {
    let world = Outside::quiet().await?;
    let addr = world.sandbox.smtp_addr.ok_or("no mail is taken")?;
    let cut = json!({"target": "mail", "kind": "cut", "count": 1});
    assert_eq!(world.control("faults", &cut).await?.0, 200);
    let letter = "Subject: s\r\n\r\ntext\r\n.";
    let mut sender = Sender::connect(addr).await?;
    for (line, answer) in [
        ("EHLO app", "250"),
        ("MAIL FROM:<desk@x.test>", "250"),
        ("RCPT TO:<ada@x.test>", "250"),
        ("DATA", "354"),
    ] {
        sender.say(line, answer).await?;
    }
    assert!(sender.say(letter, "250").await.is_err());
    assert_eq!(
        world.get("/mail.json").await?.as_array().map(Vec::len),
        Some(1)
    );
    let down = json!({"target": "mail", "kind": "down"});
    assert_eq!(world.control("faults", &down).await?.0, 200);
    let mut refused = Sender(BufReader::new(TcpStream::connect(addr).await?));
    assert_eq!(refused.code().await?, "421");
    assert_eq!(
        world
            .control("faults/clear", &json!({"target": "mail"}))
            .await?
            .0,
        200
    );
    Sender::connect(addr).await?;
    let nonsense = json!({"target": "mail", "kind": "sing"});
    assert_eq!(world.control("faults", &nonsense).await?.0, 400);
    Ok(())
}
