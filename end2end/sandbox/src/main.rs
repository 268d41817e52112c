//! Plays Stripe, Discord and a mailbox on one address: `sandbox --listen 127.0.0.1:4010`.

use std::{net::SocketAddr, process::ExitCode};

use clap::Parser;
use sandbox::{
    clock::Clock,
    shell::{Deliveries, Options, Sandbox, Webhook},
};
use tracing_subscriber::EnvFilter;

/// A pretend Stripe, Discord and mailbox around one movable clock.
#[derive(Debug, Parser)]
#[command(name = "sandbox")]
struct Arguments {
    /// Where Stripe, Discord and the pages are served; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:4010")]
    listen: SocketAddr,
    /// Where mail is taken (SMTP); port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:4025")]
    smtp: SocketAddr,
    /// Decides every id and every chance
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Send events to this address from the start
    #[arg(long, value_name = "URL")]
    webhook: Option<String>,
    /// Sign them with this secret; one is made when there is none
    #[arg(long, value_name = "WHSEC", requires = "webhook")]
    webhook_secret: Option<String>,
    /// Register this redirect of the app's at Discord, as one does in the developer portal
    #[arg(long, value_name = "URL")]
    redirect: Vec<String>,
    /// Address people and the app use, when it is not the listening one
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Begin with nothing instead of the demo community
    #[arg(long)]
    empty: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::parse();
    let options = Options {
        listen: arguments.listen,
        smtp: Some(arguments.smtp),
        seed: arguments.seed,
        clock: Clock::Wall { offset_ms: 0 },
        demo: !arguments.empty,
        webhook: arguments.webhook.map(|url| Webhook {
            url,
            secret: arguments.webhook_secret,
        }),
        deliveries: Deliveries::Pumped,
        base: arguments.public_url,
        redirects: arguments.redirect,
    };
    let sandbox = match Sandbox::start(options).await {
        Ok(sandbox) => sandbox,
        Err(error) => {
            eprintln!("sandbox: {error}");
            return ExitCode::FAILURE;
        }
    };
    match sandbox.smtp_addr {
        Some(smtp) => println!("sandbox: http://{} smtp://{smtp}", sandbox.addr),
        None => println!("sandbox: http://{}", sandbox.addr),
    }
    if let Err(error) = asked_to_stop().await {
        eprintln!("sandbox: cannot wait for signals: {error}");
        return ExitCode::FAILURE;
    }
    sandbox.stop().await;
    ExitCode::SUCCESS
}

#[cfg(unix)]
async fn asked_to_stop() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn asked_to_stop() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
