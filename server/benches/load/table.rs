//! The figures, one a line, and whether they reach what they must.

use crate::Outcome;
use std::fmt;

struct Line {
    store: &'static str,
    figure: String,
    value: String,
    target: Option<(String, bool)>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (target, word) = match &self.target {
            None => ("", "told"),
            Some((target, true)) => (target.as_str(), "reached"),
            Some((target, false)) => (target.as_str(), "MISSED"),
        };
        let (store, figure, value) = (self.store, &self.figure, &self.value);
        write!(f, "| {store} | {figure} | {value} | {target} | {word} |")
    }
}

/// Each line is told when it is measured; printed as a table of Markdown at the end.
pub struct Table(Vec<Line>);

impl Table {
    pub fn new() -> Self {
        Self(Vec::new())
    }

    fn add(&mut self, line: Line) {
        eprintln!("{line}");
        self.0.push(line);
    }

    /// A figure that is told and has no target.
    pub fn told(&mut self, store: &'static str, figure: &str, value: &str) {
        self.add(Line {
            store,
            figure: figure.to_owned(),
            value: value.to_owned(),
            target: None,
        });
    }

    /// A figure that has to be `most` or less.
    pub fn at_most(
        &mut self,
        store: &'static str,
        figure: &str,
        value: f64,
        most: f64,
        unit: &'static str,
    ) {
        let digits = if unit.is_empty() { 3 } else { 2 };
        self.add(Line {
            store,
            figure: figure.to_owned(),
            value: format!("{value:.digits$}{unit}"),
            target: Some((format!("≤ {most}{unit}"), value <= most)),
        });
    }

    /// A figure that has to be `least` or more.
    pub fn at_least(&mut self, store: &'static str, figure: &str, value: f64, least: f64) {
        self.add(Line {
            store,
            figure: figure.to_owned(),
            value: format!("{value:.3}"),
            target: Some((format!("≥ {least}"), value >= least)),
        });
    }

    /// Fails when a target was missed.
    pub fn verdict(&self) -> Outcome<()> {
        let missed = self
            .0
            .iter()
            .filter(|line| line.target.as_ref().is_some_and(|(_, reached)| !reached))
            .count();
        if missed == 0 {
            Ok(())
        } else {
            Err(format!("{missed} figures miss their target").into())
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| database | figure | measured | must reach | |")?;
        writeln!(f, "|---|---|---|---|---|")?;
        for line in &self.0 {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}
