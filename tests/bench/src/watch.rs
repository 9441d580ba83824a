//! How long, how often, how much memory.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// How much is done: all of it, or just enough to see that it works.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scale {
    Full,
    Quick,
}

impl Scale {
    pub(crate) const fn pick<T: Copy>(self, full: T, quick: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }

    /// How long one measurement of a rate lasts.
    pub(crate) const fn rate_for(self) -> Duration {
        self.pick(Duration::from_millis(1500), Duration::from_millis(20))
    }

    /// How often a measurement is repeated; the best is reported, since others use the machine too.
    pub(crate) const fn n_runs(self) -> usize {
        self.pick(3, 1)
    }
}

/// How often a second `once` is done by `n_threads` together: the best of several runs, warm.
pub(crate) fn rate(
    scale: Scale,
    n_threads: usize,
    once: impl Fn() -> anyhow::Result<()> + Sync,
) -> anyhow::Result<f64> {
    once()?;
    let mut best = 0.0_f64;
    for _ in 0..scale.n_runs() {
        let (done, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
        let began = Instant::now();
        std::thread::scope(|scope| {
            let work = || {
                while !is_over.load(Ordering::Relaxed) {
                    once()?;
                    done.fetch_add(1, Ordering::Relaxed);
                    if began.elapsed() > scale.rate_for() {
                        is_over.store(true, Ordering::Relaxed);
                    }
                }
                anyhow::Ok(())
            };
            let workers: Vec<_> = (0..n_threads).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| joined(worker.join()))
        })?;
        best = best.max(count(done.into_inner())? / began.elapsed().as_secs_f64());
    }
    Ok(best)
}

/// How many seconds `once` takes at best.
pub(crate) fn seconds(n_runs: usize, mut once: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..n_runs {
        let began = Instant::now();
        once()?;
        best = best.min(began.elapsed().as_secs_f64());
    }
    Ok(best)
}

/// Numbers from 0 on, shared out among threads.
pub(crate) fn shared_out(
    n: usize,
    n_threads: usize,
    work: impl Fn(usize) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<()> {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let turn = || {
            loop {
                match next.fetch_add(1, Ordering::Relaxed) {
                    number if number < n => work(number)?,
                    _ => return anyhow::Ok(()),
                }
            }
        };
        let workers: Vec<_> = (0..n_threads).map(|_| scope.spawn(turn)).collect();
        workers.into_iter().try_for_each(|worker| joined(worker.join()))
    })
}

fn joined(result: std::thread::Result<anyhow::Result<()>>) -> anyhow::Result<()> {
    result.unwrap_or_else(|_| Err(anyhow::anyhow!("a thread of the bench panicked")))
}

pub(crate) fn count(n: usize) -> anyhow::Result<f64> {
    Ok(f64::from(u32::try_from(n)?))
}

/// The most memory that this process ever had, in bytes.
pub(crate) fn peak_bytes() -> anyhow::Result<usize> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kilobytes: usize = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1024)
}
