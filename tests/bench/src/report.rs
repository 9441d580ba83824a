//! The rows, on the screen and as JSON.

use std::path::Path;

use serde::Serialize;

/// One thing that was measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    name: String,
    ours: f64,
    peer: Option<f64>,
    peer_name: Option<String>,
    unit: String,
    /// `ours` by `peer`.
    ratio: Option<f64>,
    goal: Option<String>,
    /// Whether the goal was met in this run.
    met: Option<bool>,
    /// What the row cannot be better than, and what else is to be known of it.
    limit: String,
}

/// What is asked of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    RatioAtLeast(f64),
    RatioAtMost(f64),
    AtLeast(f64),
    AtMost(f64),
}

impl Row {
    pub(crate) fn new(name: impl Into<String>, ours: f64, unit: &str) -> Self {
        Self {
            name: name.into(),
            ours,
            peer: None,
            peer_name: None,
            unit: unit.to_owned(),
            ratio: None,
            goal: None,
            met: None,
            limit: String::new(),
        }
    }

    pub(crate) fn beside(mut self, name: impl Into<String>, peer: f64) -> Self {
        (self.peer, self.peer_name, self.ratio) = (Some(peer), Some(name.into()), Some(self.ours / peer));
        self
    }

    /// After [`Row::beside`], where the goal speaks of a ratio.
    pub(crate) fn goal(mut self, goal: Goal) -> Self {
        let (text, met) = match goal {
            Goal::RatioAtLeast(least) => {
                (format!(">= {least} x peer"), self.ratio.is_some_and(|ratio| ratio >= least))
            }
            Goal::RatioAtMost(most) => {
                (format!("<= {most} x peer"), self.ratio.is_some_and(|ratio| ratio <= most))
            }
            Goal::AtLeast(least) => (format!(">= {least} {}", self.unit), self.ours >= least),
            Goal::AtMost(most) => (format!("<= {most} {}", self.unit), self.ours <= most),
        };
        (self.goal, self.met) = (Some(text), Some(met));
        self
    }

    pub(crate) fn limit(mut self, limit: impl Into<String>) -> Self {
        self.limit = limit.into();
        self
    }
}

/// Writes `report.json` into the folder, the rows in an array, and beside it the machine's facts.
pub(crate) fn write(folder: &Path, rows: &[Row], facts: &[(String, String)]) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("report.json"), serde_json::to_vec_pretty(rows)?)?;
    let facts: serde_json::Map<_, _> =
        facts.iter().map(|(name, fact)| (name.clone(), fact.as_str().into())).collect();
    std::fs::write(folder.join("machine.json"), serde_json::to_vec_pretty(&facts)?)?;
    Ok(())
}

/// The rows as a table, each with its limit below it.
pub(crate) fn table(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
    let mut text = format!(
        "{:<width$}  {:>10} {:<7} {:>10}  {:>8}  {:<16} peer\n",
        "what", "ours", "unit", "peer", "ratio", "goal"
    );
    for row in rows {
        let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), short);
        let verdict = match row.met {
            Some(true) => "met",
            Some(false) => "NOT MET",
            None => "",
        };
        let goal = row.goal.as_deref().unwrap_or("-");
        text.push_str(&format!(
            "{:<width$}  {:>10} {:<7} {:>10}  {:>8}  {goal:<16} {} {verdict}\n{:width$}  {}\n",
            row.name,
            short(row.ours),
            row.unit,
            number(row.peer),
            number(row.ratio),
            row.peer_name.as_deref().unwrap_or("-"),
            "",
            row.limit,
        ));
    }
    text
}

fn short(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}")
    }
}
