//! Takes mail: the commands of RFC 5321, 4.5.1, with AUTH PLAIN and LOGIN (RFC 4954) accepting
//! anyone. A recipient that the mailbox refuses gets 550; a mailbox that is down says 421.

use std::{io, sync::Arc};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use super::Shell;

/// The longest message that is taken, in bytes.
const MESSAGE_LIMIT: usize = 10 * 1024 * 1024;
/// The longest command line, longer than RFC 5321's 512 for the sake of AUTH.
const LINE_LIMIT: u64 = 12_288;

pub(super) async fn serve(listener: TcpListener, shell: Arc<Shell>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let shell = Arc::clone(&shell);
        tokio::spawn(async move {
            tokio::select! {
                ended = Session::new(stream, Arc::clone(&shell)).run() => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "a mail connection broke");
                    }
                }
                () = shell.stopped() => {}
            }
        });
    }
}

struct Session {
    stream: BufReader<TcpStream>,
    shell: Arc<Shell>,
    sender: Option<String>,
    recipients: Vec<String>,
}

/// Whether the connection goes on.
#[derive(PartialEq, Eq)]
enum Next {
    Command,
    End,
}

impl Session {
    fn new(stream: TcpStream, shell: Arc<Shell>) -> Self {
        Self {
            stream: BufReader::new(stream),
            shell,
            sender: None,
            recipients: Vec::new(),
        }
    }

    async fn run(mut self) -> io::Result<()> {
        if self.shell.lock().mail.is_down() {
            return self.say("421 4.3.2 not taking mail now").await;
        }
        self.say("220 sandbox ESMTP").await?;
        while let Some(line) = self.line().await? {
            if self.command(&line).await? == Next::End {
                break;
            }
        }
        Ok(())
    }

    async fn command(&mut self, line: &str) -> io::Result<Next> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => {
                self.forget();
                self.say("250-sandbox\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-AUTH PLAIN LOGIN\r\n250 SIZE 10485760")
                    .await?;
            }
            "HELO" => {
                self.forget();
                self.say("250 sandbox").await?;
            }
            "AUTH" => self.auth(rest).await?,
            "MAIL" => match address(rest, "FROM:") {
                Some(address) => {
                    self.forget();
                    self.sender = Some(address);
                    self.say("250 2.1.0 OK").await?;
                }
                None => self.say("501 5.5.4 MAIL FROM:<address>").await?,
            },
            "RCPT" => self.recipient(rest).await?,
            "DATA" => self.data().await?,
            "RSET" => {
                self.forget();
                self.say("250 2.0.0 OK").await?;
            }
            "NOOP" => self.say("250 2.0.0 OK").await?,
            "VRFY" => self.say("252 2.1.5 send some mail and see").await?,
            "QUIT" => {
                self.say("221 2.0.0 bye").await?;
                return Ok(Next::End);
            }
            _ => self.say("500 5.5.2 no such command").await?,
        }
        Ok(Next::Command)
    }

    async fn auth(&mut self, rest: &str) -> io::Result<()> {
        let mut words = rest.split_whitespace();
        let kind = words.next().unwrap_or_default().to_ascii_uppercase();
        let given = words.next().is_some();
        let prompts: &[&str] = match (kind.as_str(), given) {
            ("PLAIN", true) => &[],
            ("PLAIN", false) => &["334 "],
            // "Username:" and "Password:", as clients expect them.
            ("LOGIN", true) => &["334 UGFzc3dvcmQ6"],
            ("LOGIN", false) => &["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"],
            _ => return self.say("504 5.5.4 PLAIN or LOGIN").await,
        };
        for prompt in prompts {
            self.say(prompt).await?;
            match self.line().await?.as_deref() {
                None => return Ok(()),
                Some("*") => return self.say("501 5.7.0 cancelled").await,
                Some(_) => {}
            }
        }
        self.say("235 2.7.0 accepted").await
    }

    async fn recipient(&mut self, rest: &str) -> io::Result<()> {
        if self.sender.is_none() {
            return self.say("503 5.5.1 MAIL first").await;
        }
        let Some(address) = address(rest, "TO:").filter(|address| !address.is_empty()) else {
            return self.say("501 5.5.4 RCPT TO:<address>").await;
        };
        if self.shell.lock().mail.refuses(&address) {
            return self.say("550 5.1.1 no such mailbox here").await;
        }
        self.recipients.push(address);
        self.say("250 2.1.5 OK").await
    }

    async fn data(&mut self) -> io::Result<()> {
        let Some(sender) = self.sender.clone().filter(|_| !self.recipients.is_empty()) else {
            return self.say("503 5.5.1 MAIL and RCPT first").await;
        };
        self.say("354 end with <CRLF>.<CRLF>").await?;
        let mut raw = Vec::new();
        loop {
            let mut line = Vec::new();
            let read = (&mut self.stream)
                .take(MESSAGE_LIMIT as u64)
                .read_until(b'\n', &mut line)
                .await?;
            if read == 0 {
                return Ok(());
            }
            if matches!(line.as_slice(), b".\r\n" | b".\n") {
                break;
            }
            // Dot-stuffing, RFC 5321, 4.5.2.
            let line = line.strip_prefix(b".").unwrap_or(&line);
            if raw.len() <= MESSAGE_LIMIT {
                raw.extend_from_slice(line);
            }
        }
        if raw.len() > MESSAGE_LIMIT {
            self.forget();
            return self.say("552 5.3.4 too large").await;
        }
        let recipients = std::mem::take(&mut self.recipients);
        let (id, lost) = self.shell.with(|world| {
            let now_ms = world.clock.now_ms();
            let id = world.mail.receive(now_ms, &sender, &recipients, &raw);
            (id, world.mail.breaks_off())
        });
        self.forget();
        if lost {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        self.say(&format!("250 2.0.0 kept as {id}")).await
    }

    fn forget(&mut self) {
        self.sender = None;
        self.recipients.clear();
    }

    async fn say(&mut self, line: &str) -> io::Result<()> {
        self.stream.write_all(line.as_bytes()).await?;
        self.stream.write_all(b"\r\n").await?;
        self.stream.flush().await
    }

    /// The next command line without its end; `None` when the client has gone.
    async fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        let read = (&mut self.stream)
            .take(LINE_LIMIT)
            .read_until(b'\n', &mut line)
            .await?;
        if read == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&line);
        Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()))
    }
}

/// The address in `FROM:<a@b> SIZE=1`; empty for the null sender.
fn address(rest: &str, keyword: &str) -> Option<String> {
    let rest = rest.trim();
    let prefix = rest.get(..keyword.len())?;
    if !prefix.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let rest = rest.get(keyword.len()..)?.trim();
    match rest.strip_prefix('<') {
        Some(rest) => rest.split_once('>').map(|(address, _)| address.to_owned()),
        None => rest.split_whitespace().next().map(str::to_owned),
    }
}
