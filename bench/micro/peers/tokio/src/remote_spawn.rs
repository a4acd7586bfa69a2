use crate::Case;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{mpsc, Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::{Handle, Runtime};
use tokio::task::JoinHandle;

const SPAWNED_FROM_THREADS: usize = 12_800;

struct Tasks {
    running: AtomicUsize,
    all_ended: mpsc::SyncSender<()>,
}

impl Tasks {
    fn end_one(&self) {
        if self.running.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.all_ended.send(()).unwrap();
        }
    }
}

/// Returns: the times until the last is handed over, and until the last has ended.
fn from_threads(runtime: &Runtime, count: usize, threads: usize) -> (Duration, Duration) {
    let (all_ended, last_ended) = mpsc::sync_channel(1);
    // Lives longer than the tasks, so they need no count of references.
    let tasks: &'static Tasks =
        Box::leak(Box::new(Tasks { running: AtomicUsize::new(count), all_ended }));
    let (ready, readied) = mpsc::sync_channel(threads);
    let start = Arc::new(Barrier::new(threads + 1));
    let (hand_over, handed_over) = mpsc::sync_channel(threads);
    let mut outside = Vec::new();
    for _ in 0..threads {
        let (ready, start, hand_over) = (ready.clone(), start.clone(), hand_over.clone());
        let handle: Handle = runtime.handle().clone();
        outside.push(thread::spawn(move || {
            ready.send(()).unwrap();
            start.wait();
            for _ in 0..count / threads {
                handle.spawn(async move { tasks.end_one() });
            }
            hand_over.send(()).unwrap();
        }));
    }
    for _ in 0..threads {
        readied.recv().unwrap();
    }
    let watch = Instant::now();
    start.wait();
    for _ in 0..threads {
        handed_over.recv().unwrap();
    }
    let pushed = watch.elapsed();
    last_ended.recv().unwrap();
    let ended = watch.elapsed();
    for each in outside {
        each.join().unwrap();
    }
    (pushed, ended)
}

fn push<const THREADS: usize>(runtime: &Runtime, count: usize) -> Duration {
    from_threads(runtime, count, THREADS).0
}

fn run<const THREADS: usize>(runtime: &Runtime, count: usize) -> Duration {
    from_threads(runtime, count, THREADS).1
}

const STALL_FOR: Duration = Duration::from_micros(10);
const SPAWNED_WHILE_BUSY: usize = 1_000;

fn stall() {
    let start = Instant::now();
    while start.elapsed() < STALL_FOR {}
}

fn spawn_and_join(runtime: &Runtime, count: usize) -> Duration {
    let mut handles: Vec<JoinHandle<()>> = Vec::with_capacity(count);
    let start = Instant::now();
    for _ in 0..count {
        handles.push(runtime.spawn(async {}));
    }
    let all = runtime.spawn(async move {
        for each in handles {
            each.await.unwrap();
        }
    });
    runtime.block_on(all).unwrap();
    start.elapsed()
}

fn beside_yielding(runtime: &Runtime, count: usize) -> Duration {
    const YIELDING: usize = 8;
    let busy = Arc::new(AtomicBool::new(true));
    let mut stalling = Vec::new();
    for _ in 0..YIELDING {
        let busy = busy.clone();
        stalling.push(runtime.spawn(async move {
            while busy.load(Ordering::Relaxed) {
                tokio::task::yield_now().await;
                stall();
            }
        }));
    }
    let found = spawn_and_join(runtime, count);
    busy.store(false, Ordering::Relaxed);
    runtime.block_on(async {
        for each in stalling {
            each.await.unwrap();
        }
    });
    found
}

fn stall_and_respawn(busy: Arc<AtomicBool>, ended: mpsc::SyncSender<()>) {
    if !busy.load(Ordering::Relaxed) {
        return ended.send(()).unwrap();
    }
    tokio::spawn(async move {
        stall();
        stall_and_respawn(busy, ended);
    });
}

fn beside_respawning(runtime: &Runtime, count: usize) -> Duration {
    const RESPAWNING: usize = 4;
    let busy = Arc::new(AtomicBool::new(true));
    let (end, ended) = mpsc::sync_channel(RESPAWNING);
    {
        let _entered = runtime.enter();
        for _ in 0..RESPAWNING {
            stall_and_respawn(busy.clone(), end.clone());
        }
    }
    let found = spawn_and_join(runtime, count);
    busy.store(false, Ordering::Relaxed);
    for _ in 0..RESPAWNING {
        ended.recv().unwrap();
    }
    found
}

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("remote_push_1", SPAWNED_FROM_THREADS, push::<1>),
        Case::new("remote_push_2", SPAWNED_FROM_THREADS, push::<2>),
        Case::new("remote_push_4", SPAWNED_FROM_THREADS, push::<4>),
        Case::new("remote_push_8", SPAWNED_FROM_THREADS, push::<8>),
        Case::new("remote_push_16", SPAWNED_FROM_THREADS, push::<16>),
        Case::new("remote_spawn_1", SPAWNED_FROM_THREADS, run::<1>),
        Case::new("remote_spawn_2", SPAWNED_FROM_THREADS, run::<2>),
        Case::new("remote_spawn_4", SPAWNED_FROM_THREADS, run::<4>),
        Case::new("remote_spawn_8", SPAWNED_FROM_THREADS, run::<8>),
        Case::new("remote_spawn_16", SPAWNED_FROM_THREADS, run::<16>),
        Case::new("spawn_from_outside_busy1", SPAWNED_WHILE_BUSY, beside_yielding),
        Case::new("spawn_from_outside_busy2", SPAWNED_WHILE_BUSY, beside_respawning),
    ]
}
