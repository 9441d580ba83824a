//! Threads that call a token, because a token's call can neither be interrupted nor awaited.
//!
//! A caller waits for its answer until the deadline. A call that has not begun by then is withdrawn
//! ([`Sent::No`]); one that has begun is left alone, its worker is written off as stuck, and another
//! takes the worker's place ([`Sent::Perhaps`]). A stuck worker whose call returns at last goes home.
//!
//! Invariant: every field of [`State`] changes under its lock, and the lock is never held over a call
//! to a token.

use std::collections::{HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::error::{Sent, TokenError};
use crate::{Health, HealthState, TokenName};

/// How many threads, how many waiting calls, how many written-off threads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CrewSize {
    pub(crate) n_workers: usize,
    pub(crate) n_waiting_max: usize,
    /// Beyond this many stuck threads no more are hired.
    pub(crate) n_stuck_max: usize,
}

/// How long a dropped crew waits for its workers to close their sessions.
const GOODBYE: Duration = Duration::from_secs(1);

/// Makes a worker's seat.
type Hire<S> = Arc<dyn Fn() -> S + Send + Sync>;

/// Workers that each own a `Seat`. Dropping the crew sends them home and waits for those who do not hang, so that no
/// session is being closed while the process ends: libraries crash on that.
pub(crate) struct Crew<S: 'static>(Arc<Shared<S>>);

struct Shared<S> {
    state: Mutex<State<S>>,
    wake: Condvar,
    size: CrewSize,
    name: String,
    /// Nothing once the crew is dropped, so that what it holds goes with the crew.
    hire: Mutex<Option<Hire<S>>>,
}

struct State<S> {
    waiting: VecDeque<Job<S>>,
    /// Tokens that a worker is at now; a token of a person serves one call at a time.
    lanes: HashSet<TokenName>,
    /// Calls that run, by number; a stuck one is moved to `stuck`.
    running: HashSet<u64>,
    stuck: HashSet<u64>,
    n_workers: usize,
    next: u64,
    closed: bool,
}

struct Job<S> {
    number: u64,
    lane: Option<TokenName>,
    work: Box<dyn FnOnce(&mut S) + Send>,
}

impl<S: 'static> Crew<S> {
    /// Starts the threads; `hire` makes a worker's seat on the worker's own thread, without calling a token.
    pub(crate) fn start(
        name: &str,
        size: CrewSize,
        hire: impl Fn() -> S + Send + Sync + 'static,
    ) -> Result<Self, TokenError> {
        let state = State {
            waiting: VecDeque::with_capacity(size.n_waiting_max),
            lanes: HashSet::new(),
            running: HashSet::new(),
            stuck: HashSet::new(),
            n_workers: 0,
            next: 0,
            closed: false,
        };
        let crew = Self(Arc::new(Shared {
            state: Mutex::new(state),
            wake: Condvar::new(),
            size,
            name: name.to_owned(),
            hire: Mutex::new(Some(Arc::new(hire))),
        }));
        for _ in 0..size.n_workers {
            crew.0
                .spawn(&mut crew.0.lock())
                .map_err(|error| TokenError::Device { call: "starting a thread", code: error.to_string() })?;
        }
        Ok(crew)
    }

    /// Runs `work` on a worker and waits for its answer, for `deadline` at most.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        lane: Option<&TokenName>,
        deadline: Duration,
        work: impl FnOnce(&mut S) -> Result<T, TokenError> + Send + 'static,
    ) -> Result<T, TokenError> {
        let (answer, answered) = sync_channel(1);
        let number = self.0.enqueue(lane.cloned(), answer, work)?;
        match answered.recv_timeout(deadline) {
            Ok(result) => result,
            Err(RecvTimeoutError::Disconnected) => {
                Err(TokenError::Device { call: "a worker", code: "stopped without an answer".to_owned() })
            }
            // Between the deadline and `give_up` the answer may still have come.
            Err(RecvTimeoutError::Timeout) => match self.0.give_up(number) {
                Some(sent) => answered.try_recv().unwrap_or(Err(TokenError::Timeout { sent })),
                None => answered.recv().unwrap_or(Err(TokenError::Timeout { sent: Sent::Perhaps })),
            },
        }
    }

    pub(crate) fn health(&self) -> Health {
        let state = self.0.lock();
        let n_stuck = state.stuck.len();
        Health {
            state: match n_stuck {
                0 => HealthState::Well,
                n if n >= state.n_workers => HealthState::Down,
                _ => HealthState::Degraded,
            },
            n_workers: state.n_workers.saturating_sub(n_stuck),
            n_stuck,
            n_waiting: state.waiting.len(),
            n_rebuilt: 0,
            pin_refused: false,
            n_failed: 0,
        }
    }
}

impl<S> Drop for Crew<S> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.closed = true;
        state.waiting.clear();
        self.0.wake.notify_all();
        // Those who hang are left alone: they may never return.
        let here = |state: &mut State<S>| state.n_workers > state.stuck.len();
        let waited = self.0.wake.wait_timeout_while(state, GOODBYE, here);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        drop(self.0.hire.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl<S: 'static> Shared<S> {
    fn enqueue<T: Send + 'static>(
        &self,
        lane: Option<TokenName>,
        answer: SyncSender<Result<T, TokenError>>,
        work: impl FnOnce(&mut S) -> Result<T, TokenError> + Send + 'static,
    ) -> Result<u64, TokenError> {
        let mut state = self.lock();
        // With every thread stuck there is nobody to serve a queue.
        let nobody = state.stuck.len() >= state.n_workers;
        if state.waiting.len() >= self.size.n_waiting_max || nobody {
            return Err(TokenError::Busy);
        }
        let number = state.next;
        state.next = number.wrapping_add(1);
        let work = Box::new(move |seat: &mut S| {
            // Nobody may be waiting any more; a late answer is dropped, and what it held is wiped.
            drop(answer.send(work(seat)));
        });
        state.waiting.push_back(Job { number, lane, work });
        drop(state);
        self.wake.notify_one();
        Ok(number)
    }

    /// Withdraws a call, or writes its worker off; `None` if the answer is on its way.
    fn give_up(self: &Arc<Self>, number: u64) -> Option<Sent> {
        let mut state = self.lock();
        if let Some(at) = state.waiting.iter().position(|job| job.number == number) {
            drop(state.waiting.remove(at));
            return Some(Sent::No);
        }
        if !state.running.remove(&number) {
            return None;
        }
        state.stuck.insert(number);
        if state.stuck.len() <= self.size.n_stuck_max {
            // If the system gives no thread, the pool goes on with one fewer.
            drop(self.spawn(&mut state));
        }
        Some(Sent::Perhaps)
    }

    fn spawn(self: &Arc<Self>, state: &mut State<S>) -> std::io::Result<()> {
        let shared = Arc::clone(self);
        drop(thread::Builder::new().name(self.name.clone()).spawn(move || shared.work())?);
        state.n_workers += 1;
        Ok(())
    }

    /// A worker's life.
    fn work(self: Arc<Self>) {
        let mut seat = self.seat();
        while let Some(seat_now) = &mut seat
            && let Some(Job { number, lane, work }) = self.next_job()
        {
            // Our own mistake must cost one call, not one worker: the seat is made anew.
            if catch_unwind(AssertUnwindSafe(|| work(seat_now))).is_err() {
                seat = self.seat();
            }
            let mut state = self.lock();
            if let Some(lane) = &lane {
                state.lanes.remove(lane);
            }
            state.running.remove(&number);
            let was_stuck = state.stuck.remove(&number);
            // Whoever waits for this lane may have been passed over.
            self.wake.notify_all();
            // Its place was taken, unless nobody could be hired.
            if was_stuck && state.n_workers.saturating_sub(state.stuck.len()) > self.size.n_workers {
                break;
            }
        }
        // The seat's session is closed before the crew counts one fewer.
        drop(seat);
        self.lock().n_workers -= 1;
        self.wake.notify_all();
    }

    fn seat(&self) -> Option<S> {
        let hire = self.hire.lock().unwrap_or_else(PoisonError::into_inner).clone();
        hire.map(|hire| hire())
    }

    fn next_job(&self) -> Option<Job<S>> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            let free = |job: &Job<S>| job.lane.as_ref().is_none_or(|lane| !state.lanes.contains(lane));
            if let Some(at) = state.waiting.iter().position(free)
                && let Some(job) = state.waiting.remove(at)
            {
                state.running.insert(job.number);
                if let Some(lane) = &job.lane {
                    state.lanes.insert(lane.clone());
                }
                return Some(job);
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<S> Shared<S> {
    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};
    use std::thread::JoinHandle;
    use std::time::Instant;

    use super::*;

    const SOON: Duration = Duration::from_millis(30);
    const LONG: Duration = Duration::from_secs(20);

    fn crew(n_workers: usize, n_waiting_max: usize, n_stuck_max: usize) -> Crew<u32> {
        Crew::start("test", CrewSize { n_workers, n_waiting_max, n_stuck_max }, || 0).unwrap()
    }

    /// Keeps one worker at a call until something is sent or dropped; returns once the call runs.
    fn occupy(
        crew: &Arc<Crew<u32>>,
        lane: Option<&TokenName>,
    ) -> (Sender<()>, JoinHandle<Result<(), TokenError>>) {
        let (open, gate) = channel();
        let (started, has_started) = channel();
        let (crew, lane) = (Arc::clone(crew), lane.cloned());
        let blocker = thread::spawn(move || {
            crew.call(lane.as_ref(), LONG, move |_| {
                started.send(()).unwrap();
                gate.recv().map_err(|_gone| TokenError::Busy)
            })
        });
        has_started.recv().unwrap();
        (open, blocker)
    }

    #[test]
    fn a_full_queue_is_busy_at_once() {
        let crew = Arc::new(crew(1, 1, 1));
        let (open, blocker) = occupy(&crew, None);
        let waiter = {
            let crew = Arc::clone(&crew);
            thread::spawn(move || crew.call(None, LONG, |_| Ok(7)))
        };
        while crew.health().n_waiting == 0 {
            thread::yield_now();
        }
        let began = Instant::now();
        assert!(matches!(crew.call(None, LONG, |_| Ok(())), Err(TokenError::Busy)));
        assert!(began.elapsed() < Duration::from_secs(2));
        open.send(()).unwrap();
        blocker.join().unwrap().unwrap();
        assert_eq!(waiter.join().unwrap().unwrap(), 7);
    }

    #[test]
    fn a_stuck_worker_is_replaced_and_goes_home_when_it_wakes() {
        let crew = crew(1, 4, 1);
        let (open, gate) = channel::<()>();
        let hung = crew.call(None, SOON, move |_| gate.recv().map_err(|_gone| TokenError::Busy));
        assert!(matches!(hung, Err(TokenError::Timeout { sent: Sent::Perhaps })));
        let health = crew.health();
        assert_eq!((health.state, health.n_stuck, health.n_workers), (HealthState::Degraded, 1, 1));
        assert_eq!(crew.call(None, LONG, |_| Ok(1)).unwrap(), 1);

        open.send(()).unwrap();
        while crew.health().n_stuck > 0 || crew.0.lock().n_workers > 1 {
            thread::yield_now();
        }
        assert_eq!(crew.health().state, HealthState::Well);
        assert_eq!(crew.call(None, LONG, |_| Ok(2)).unwrap(), 2);
    }

    #[test]
    fn with_everybody_stuck_the_crew_is_down_and_says_busy() {
        let crew = crew(1, 4, 1);
        let mut gates = Vec::new();
        for _ in 0..2 {
            let (open, gate) = channel::<()>();
            gates.push(open);
            let hung = crew.call(None, SOON, move |_| gate.recv().map_err(|_gone| TokenError::Busy));
            assert!(matches!(hung, Err(TokenError::Timeout { sent: Sent::Perhaps })));
        }
        assert_eq!(crew.health().state, HealthState::Down);
        assert!(matches!(crew.call(None, LONG, |_| Ok(())), Err(TokenError::Busy)));
        gates.pop().unwrap().send(()).unwrap();
        while crew.health().state == HealthState::Down {
            thread::yield_now();
        }
        assert!(crew.call(None, LONG, |_| Ok(())).is_ok());
    }

    #[test]
    fn a_call_that_never_began_is_withdrawn_and_never_runs() {
        let crew = Arc::new(crew(1, 4, 0));
        let (open, blocker) = occupy(&crew, None);
        let late = crew.call(None, SOON, |seat| {
            *seat = 99;
            Ok(())
        });
        assert!(matches!(late, Err(TokenError::Timeout { sent: Sent::No })));
        open.send(()).unwrap();
        blocker.join().unwrap().unwrap();
        assert_eq!(crew.call(None, LONG, |seat| Ok(*seat)).unwrap(), 0);
    }

    #[test]
    fn one_lane_runs_one_call_at_a_time_and_does_not_hold_up_another() {
        let crew = Arc::new(crew(2, 8, 1));
        let (lane, other): (TokenName, TokenName) = ("a".parse().unwrap(), "b".parse().unwrap());
        let (open, first) = occupy(&crew, Some(&lane));
        let same = crew.call(Some(&lane), SOON, |_| Ok(()));
        assert!(matches!(same, Err(TokenError::Timeout { sent: Sent::No })));
        assert!(crew.call(Some(&other), LONG, |_| Ok(())).is_ok());
        open.send(()).unwrap();
        first.join().unwrap().unwrap();
        assert!(crew.call(Some(&lane), LONG, |_| Ok(())).is_ok());
    }

    #[test]
    fn a_dropped_crew_is_gone_when_the_drop_returns() {
        let held = Arc::new(());
        let crew = {
            let held = Arc::clone(&held);
            let size = CrewSize { n_workers: 4, n_waiting_max: 4, n_stuck_max: 1 };
            Crew::start("test", size, move || Arc::clone(&held)).unwrap()
        };
        crew.call(None, LONG, |_| Ok(())).unwrap();
        drop(crew);
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[test]
    fn a_panic_costs_one_call_only() {
        let crew = crew(1, 4, 1);
        let lost = crew.call(None, LONG, |_| -> Result<(), _> { panic!("on purpose") });
        assert!(matches!(lost, Err(TokenError::Device { call: "a worker", .. })));
        assert!(crew.call(None, LONG, |_| Ok(())).is_ok());
    }
}
