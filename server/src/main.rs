//! The `rollcall` command.

use clap::{Parser, Subcommand};
use server::config::{Config, ConfigError};
use server::serve::{serve, services};
use server::state::AppState;
use server::{doctor, pins, setup, telemetry, webhooks};
use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

/// Characters of a line on a terminal.
const FOLDED_AT: usize = 110;

#[derive(Parser)]
#[command(
    name = "rollcall",
    version,
    about = "Keeps a paid Discord community's doors right"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server; migrates its database at start
    Serve,
    /// Handle Stripe's events again: stored ones, or fetched when they never arrived
    Replay {
        /// Such as `evt_1RG7aB2eZvKYlo2C`
        #[arg(required = true, value_name = "EVENT_ID")]
        events: Vec<String>,
    },
    /// Look at everything that would keep a payer out, and say what mends it; changes nothing
    Doctor,
    /// Make what is missing at Stripe (webhook endpoint, portal), and print the bot's invite link
    Setup {
        /// Change without asking
        #[arg(long)]
        yes: bool,
    },
}

impl Command {
    fn config(&self) -> Result<Config, ConfigError> {
        let get = |name: &str| std::env::var(name).ok();
        match self {
            Self::Setup { .. } | Self::Doctor => Config::read_for_setup(get),
            Self::Serve | Self::Replay { .. } => Config::read(get),
        }
    }

    /// What is logged unless `RUST_LOG` says otherwise: a command's own lines are its answer.
    fn logs(&self) -> &'static str {
        match self {
            Self::Serve => "info,sqlx=warn",
            Self::Replay { .. } | Self::Setup { .. } => "error",
            Self::Doctor => "off",
        }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = dotenvy::dotenv()
        && !error.not_found()
    {
        // The error's own text shows the line, which can hold a secret.
        return stopped(".env cannot be read: a line is not of the form NAME=value");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return stopped(&error.to_string()),
    };
    let done = if matches!(cli.command, Command::Doctor) {
        // It tells of a configuration that cannot be read as of everything else.
        telemetry::init(false, cli.command.logs());
        runtime.block_on(examine())
    } else {
        let config = match cli.command.config() {
            Ok(config) => config,
            Err(error) => return stopped(&error.to_string()),
        };
        telemetry::init(config.json_logs, cli.command.logs());
        runtime.block_on(run(cli.command, config))
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => stopped(&error.to_string()),
    }
}

/// Folded for a person who looks; a line each for a program that reads.
async fn examine() -> Result<bool, Box<dyn Error>> {
    let mut out = io::stdout();
    let width = out.is_terminal().then_some(FOLDED_AT);
    let get = |name: &str| std::env::var(name).ok();
    Ok(doctor::run(get, &mut out, width).await?)
}

/// Answers whether everything that was asked for is done.
async fn run(command: Command, config: Config) -> Result<bool, Box<dyn Error>> {
    match command {
        Command::Serve => {
            serve(config).await?;
            Ok(true)
        }
        Command::Doctor => examine().await,
        Command::Replay { events } => {
            let (state, _) = services(config).await?;
            let done = replay(&state, &events).await;
            state.db.close().await;
            done
        }
        Command::Setup { yes } => {
            let (state, _) = services(config).await?;
            let ask = |out: &mut dyn Write| if yes { Ok(true) } else { asked(out) };
            let outcome = setup::run(&state, &mut io::stdout(), ask).await;
            state.db.close().await;
            Ok(outcome? != setup::Outcome::Declined)
        }
    }
}

async fn replay(state: &AppState, events: &[String]) -> Result<bool, Box<dyn Error>> {
    pins::check_configuration(state).await?;
    let mut all = true;
    for id in events {
        let handled = webhooks::handle_again(state, id).await?;
        all &= handled != webhooks::Handled::Unknown;
        writeln!(io::stdout(), "{id}: {handled}")?;
    }
    Ok(all)
}

/// No answer, as when nobody sits there, is a no.
fn asked(out: &mut dyn Write) -> io::Result<bool> {
    write!(out, "Do this at Stripe? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn stopped(line: &str) -> ExitCode {
    eprintln!("rollcall: {line}");
    ExitCode::FAILURE
}
