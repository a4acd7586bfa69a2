use crate::{on_worker, Case};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const HOUR: Duration = Duration::from_secs(3600);

/// Polls a timer once, which arms it, and drops it. Yields whether it had passed, which it never
/// has.
struct ArmAndDrop {
    due: tokio::time::Instant,
}

impl Future for ArmAndDrop {
    type Output = bool;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let sleep = tokio::time::sleep_until(self.due);
        tokio::pin!(sleep);
        Poll::Ready(sleep.poll(cx).is_ready())
    }
}

fn lone_timer(runtime: &Runtime, count: usize) -> Duration {
    on_worker(runtime, async move {
        let due = tokio::time::Instant::now() + HOUR;
        let mut passed = 0;
        let start = Instant::now();
        for _ in 0..count {
            passed += usize::from(ArmAndDrop { due }.await);
        }
        let found = start.elapsed();
        assert_eq!(passed, 0);
        found
    })
}

pub fn cases() -> Vec<Case> {
    vec![Case::on_one_worker("timer_arm_drop", 200_000, lone_timer)]
}
