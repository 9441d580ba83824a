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
    pub(crate) const fn slice(self) -> Duration {
        self.pick(Duration::from_millis(150), Duration::from_millis(20))
    }

    /// How often a rate is measured; the best is reported, since others use the machine too.
    pub(crate) const fn n_slices(self) -> usize {
        self.pick(20, 1)
    }

    /// The same for what takes long.
    pub(crate) const fn n_runs(self) -> usize {
        self.pick(3, 1)
    }
}

/// How often something was done, at best.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    pub(crate) per_second: f64,
    /// Processor time that one took, over all slices and threads, in milliseconds: a neighbour's load does not
    /// change it much.
    pub(crate) cpu_ms: f64,
}

/// What is to be done over and over.
pub(crate) type Once<'a> = &'a (dyn Fn() -> anyhow::Result<()> + Sync);

/// How often a second `once` is done by `n_threads` together, warm.
pub(crate) fn rate(scale: Scale, n_threads: usize, once: Once<'_>) -> anyhow::Result<Rate> {
    let [rate] = rates(scale, n_threads, [once])?;
    Ok(rate)
}

/// The same for several, slice by slice in turns, so that a neighbour's load falls on all of them.
pub(crate) fn rates<const N: usize>(
    scale: Scale,
    n_threads: usize,
    all: [Once<'_>; N],
) -> anyhow::Result<[Rate; N]> {
    let mut best = [0.0_f64; N];
    let mut spent = [(0.0_f64, 0.0_f64); N];
    all.iter().try_for_each(|once| once())?;
    for _ in 0..scale.n_slices() {
        for ((once, best), (cpu_s, n)) in all.iter().zip(&mut best).zip(&mut spent) {
            let cpu_before_s = cpu_s_so_far()?;
            let began = Instant::now();
            let done = slice(scale, n_threads, *once)?;
            *best = best.max(done / began.elapsed().as_secs_f64());
            *cpu_s += cpu_s_so_far()? - cpu_before_s;
            *n += done;
        }
    }
    let mut rates = [Rate { per_second: 0.0, cpu_ms: 0.0 }; N];
    for ((rate, best), (cpu_s, n)) in rates.iter_mut().zip(best).zip(spent) {
        *rate = Rate { per_second: best, cpu_ms: cpu_s * 1e3 / n };
    }
    Ok(rates)
}

fn slice(scale: Scale, n_threads: usize, once: Once<'_>) -> anyhow::Result<f64> {
    let (done, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let began = Instant::now();
    std::thread::scope(|scope| {
        let work = || {
            while !is_over.load(Ordering::Relaxed) {
                once()?;
                done.fetch_add(1, Ordering::Relaxed);
                if began.elapsed() > scale.slice() {
                    is_over.store(true, Ordering::Relaxed);
                }
            }
            anyhow::Ok(())
        };
        let workers: Vec<_> = (0..n_threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| joined(worker.join()))
    })?;
    count(done.into_inner())
}

fn cpu_s_so_far() -> anyhow::Result<f64> {
    cpu_s_of(std::process::id())
}

/// Processor time of a process, all its threads, in seconds; the clock of `/proc` ticks a hundred times a second.
pub(crate) fn cpu_s_of(process: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields).context("no fields in /proc/self/stat")?;
    let mut ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
    let mut next = || ticks.next().context("no processor time in /proc/self/stat");
    Ok((f64::from(next()??) + f64::from(next()??)) / 100.0)
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
