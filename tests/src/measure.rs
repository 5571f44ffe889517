//! Figures against a floor measured in the same run: the only kind that holds on shared machines.

use std::time::{Duration, Instant};

/// Times taken, of one thing.
#[derive(Debug, Clone, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Takes down how long `work` took.
    ///
    /// # Errors
    /// Whatever `work` failed with.
    pub async fn of<T>(
        &mut self,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        let begins = Instant::now();
        let value = work.await?;
        self.0.push(begins.elapsed());
        Ok(value)
    }

    /// Takes in the times of another.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The time in the middle.
    pub fn median(&self) -> Duration {
        self.below(0.5)
    }

    /// The time that `share` (0 to 1) of all are below.
    pub fn below(&self, share: f64) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let place = (sorted.len() as f64 * share) as usize;
        let last = sorted.len().saturating_sub(1);
        sorted.get(place.min(last)).copied().unwrap_or_default()
    }
}

/// Whether the row `id` was asked for on the command line (no row named: all).
pub fn wanted(id: &str) -> bool {
    let named: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    named.is_empty() || named.iter().any(|word| word == id)
}

/// Prints a row whose figure may be so many times its floor.
pub fn ratio_row(id: &str, floor: f64, figure: f64, unit: &str, most: f64) {
    let ratio = figure / floor;
    let verdict = if ratio <= most { "ok" } else { "missed" };
    print_row(&format!(
        "{id:<5} floor {floor:>9.2} {unit:<3} figure {figure:>9.2} {unit:<3} \
         ratio {ratio:>5.2} target <= {most:<5} {verdict}"
    ));
}

/// Prints a row whose figure may be at most `most`, beside the floor it stands on.
pub fn limit_row(id: &str, floor: f64, figure: f64, unit: &str, most: f64) {
    let verdict = if figure <= most { "ok" } else { "missed" };
    print_row(&format!(
        "{id:<5} floor {floor:>9.2} {unit:<3} figure {figure:>9.2} {unit:<3} \
         limit {most:>7.2} {unit:<3} {verdict}"
    ));
}

/// Prints why a row is not measured here.
pub fn skipped_row(id: &str, reason: &str) {
    print_row(&format!("{id:<5} skipped: {reason}"));
}

/// Milliseconds, for rows.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[expect(clippy::print_stdout, reason = "the rows are what a bench is for")]
fn print_row(text: &str) {
    println!("{text}");
}

/// Proportional memory of a process in KiB (`Pss` of `/proc/PID/smaps_rollup`).
pub fn proportional_memory(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find(|line| line.starts_with("Pss:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// What the kernel counts processor time in for other programs: `USER_HZ`, 100 a second on every
/// machine Nexus is made for.
const TICK: Duration = Duration::from_millis(10);

/// Processor time a process has used, in user space and in the kernel (`utime` and `stime` of
/// `/proc/PID/stat`, proc(5)).
pub fn processor_time(pid: u32) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold spaces; what follows does not.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(TICK * u32::try_from(ticks()? + ticks()?).ok()?)
}
