//! The `rollcall` command.

use clap::{Parser, Subcommand};
use server::config::Config;
use server::serve::{ServeError, serve};
use server::telemetry;
use std::process::ExitCode;

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
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = dotenvy::dotenv()
        && !error.not_found()
    {
        // The error's own text shows the line, which can hold a secret.
        return stopped(".env cannot be read: a line is not of the form NAME=value");
    }
    let config = match Config::read(|name| std::env::var(name).ok()) {
        Ok(config) => config,
        Err(error) => return stopped(&error.to_string()),
    };
    telemetry::init(config.json_logs);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return stopped(&error.to_string()),
    };
    let done: Result<(), ServeError> = match cli.command {
        Command::Serve => runtime.block_on(serve(config)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => stopped(&error.to_string()),
    }
}

fn stopped(line: &str) -> ExitCode {
    eprintln!("rollcall: {line}");
    ExitCode::FAILURE
}
