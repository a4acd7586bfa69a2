use crate::{on_worker, Case};
use std::hint::spin_loop;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::Notify;

fn take_turns(runtime: &Runtime, count: usize) -> Duration {
    on_worker(runtime, async move {
        let (there, back) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let partner = tokio::spawn({
            let (there, back) = (there.clone(), back.clone());
            async move {
                for _ in 0..count {
                    there.notified().await;
                    back.notify_one();
                }
            }
        });
        let start = Instant::now();
        for _ in 0..count {
            there.notify_one();
            back.notified().await;
        }
        let found = start.elapsed();
        partner.await.unwrap();
        found
    })
}

const RING_SIZE: usize = 64;

fn go_round(runtime: &Runtime, count: usize) -> Duration {
    on_worker(runtime, async move {
        let all: Arc<Vec<Notify>> = Arc::new((0..RING_SIZE).map(|_| Notify::new()).collect());
        let mut handles = Vec::with_capacity(RING_SIZE);
        for own in 0..RING_SIZE {
            let all = all.clone();
            handles.push(tokio::spawn(async move {
                let (mine, next) = (&all[own], &all[(own + 1) % RING_SIZE]);
                for _ in 0..count / RING_SIZE {
                    mine.notified().await;
                    next.notify_one();
                }
            }));
        }
        let start = Instant::now();
        all[0].notify_one();
        for each in handles {
            each.await.unwrap();
        }
        start.elapsed()
    })
}

const IDLE_FOR: Duration = Duration::from_micros(200);

struct Signal {
    called: Notify,
    answers: AtomicUsize,
}

fn wake_elsewhere(runtime: &Runtime, count: usize) -> Duration {
    on_worker(runtime, async move {
        let shared = Arc::new(Signal { called: Notify::new(), answers: AtomicUsize::new(0) });
        let sleeper = tokio::spawn({
            let shared = shared.clone();
            async move {
                for _ in 0..count {
                    shared.called.notified().await;
                    shared.answers.fetch_add(1, Ordering::Release);
                }
            }
        });
        let mut waited = Duration::ZERO;
        for i in 0..count {
            let idle = Instant::now();
            while idle.elapsed() < IDLE_FOR {}
            let start = Instant::now();
            shared.called.notify_one();
            // The task that was woken last is kept for this worker: that is this one now.
            let kept = tokio::spawn(async {});
            while shared.answers.load(Ordering::Acquire) == i {
                spin_loop();
            }
            waited += start.elapsed();
            // And no yield, which would wake a worker.
            kept.await.unwrap();
        }
        sleeper.await.unwrap();
        waited
    })
}

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("two_in_turn", 100_000, take_turns),
        Case::new("forward_ring_64", RING_SIZE * 1_000, go_round),
        Case::on_two_workers("wake_other_worker", 100, wake_elsewhere),
    ]
}
