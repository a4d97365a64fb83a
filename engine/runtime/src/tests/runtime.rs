//! Tasks, timers and wake-ups.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam::queue::ArrayQueue;

use super::on_both_backends;
use crate::{Elapsed, RingConfig, Runtime};

fn runtime() -> Runtime {
    Runtime::new(RingConfig::default()).unwrap()
}

#[test]
fn timers_fire_in_the_order_of_their_deadlines() {
    on_both_backends(async |handle| {
        let order = Rc::new(RefCell::new(Vec::new()));
        let start = handle.now();
        for delay_ms in [15u64, 5, 10] {
            let (handle, order) = (handle.clone(), Rc::clone(&order));
            handle.clone().spawn(async move {
                let deadline = start + Duration::from_millis(delay_ms);
                handle.sleep_until(deadline).await;
                assert!(handle.now() >= deadline);
                order.borrow_mut().push(delay_ms);
            });
        }
        handle.sleep(Duration::from_millis(30)).await;
        assert_eq!(*order.borrow(), [5, 10, 15]);
    });
}

#[test]
fn a_timeout_drops_what_takes_too_long() {
    on_both_backends(async |handle| {
        let late = handle.sleep(Duration::from_secs(3600));
        let outcome = handle.timeout(Duration::from_millis(2), late).await;
        assert_eq!(outcome, Err(Elapsed));
        let outcome = handle.timeout(Duration::from_secs(3600), async { 3 }).await;
        assert_eq!(outcome, Ok(3));
    });
}

#[test]
fn dropping_a_task_cancels_it_and_a_runtime_ends_all() {
    struct Counted(Rc<Cell<u32>>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let ended = Rc::new(Cell::new(0));
    let runtime = runtime();
    let handle = runtime.handle();
    let for_ever = |counted: Counted| {
        let handle = handle.clone();
        async move {
            let _counted = counted;
            handle.sleep(Duration::from_secs(3600)).await;
        }
    };
    runtime.run(async {
        let task = handle.spawn_task(for_ever(Counted(Rc::clone(&ended))));
        handle.spawn(for_ever(Counted(Rc::clone(&ended))));
        handle.yield_now().await;
        drop(task);
        handle.yield_now().await;
        assert_eq!(ended.get(), 1);
    });
    drop(runtime);
    assert_eq!(ended.get(), 2);
}

#[test]
fn a_greedy_task_does_not_starve_timers() {
    on_both_backends(async |handle| {
        let greedy = handle.spawn_task({
            let handle = handle.clone();
            async move {
                loop {
                    handle.yield_now().await;
                }
            }
        });
        handle.sleep(Duration::from_millis(3)).await;
        drop(greedy);
    });
}

/// Four threads push 25,000 numbers each and wake after every one; the runtime sleeps
/// whenever it has caught up. A lost wake-up would leave it asleep beside a full queue.
#[test]
fn no_wake_up_from_another_thread_is_lost() {
    const THREADS: u64 = 4;
    const NUMBERS: u64 = 25_000;
    let runtime = runtime();
    let handle = runtime.handle();
    let queue = Arc::new(ArrayQueue::<u64>::new(64));
    let received = Rc::new(Cell::new((0u64, 0u64)));
    let (done, finished) = crate::sync::oneshot();
    let mut done = Some(done);
    handle.on_turn(Box::new({
        let (queue, received) = (Arc::clone(&queue), Rc::clone(&received));
        move || {
            let mut has_progress = false;
            while let Some(number) = queue.pop() {
                let (count, sum) = received.get();
                received.set((count + 1, sum + number));
                has_progress = true;
            }
            if received.get().0 == THREADS * NUMBERS
                && let Some(done) = done.take()
            {
                done.send(()).unwrap();
            }
            has_progress
        }
    }));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (queue, waker) = (Arc::clone(&queue), handle.waker());
            std::thread::spawn(move || {
                for number in 1..=NUMBERS {
                    while queue.push(number).is_err() {
                        std::thread::yield_now();
                    }
                    waker.wake();
                    // Now and then let the runtime fall asleep.
                    if number % 64 == 0 {
                        std::thread::yield_now();
                    }
                }
            })
        })
        .collect();
    let outcome = runtime.run(async { handle.timeout(Duration::from_secs(60), finished).await });
    assert_eq!(outcome, Ok(Some(())));
    assert_eq!(received.get().1, THREADS * NUMBERS * (NUMBERS + 1) / 2);
    for thread in threads {
        thread.join().unwrap();
    }
}

/// One message at a time, sent only when the runtime had time to fall asleep: every
/// single wake-up counts.
#[test]
fn every_wake_up_of_a_sleeping_runtime_arrives() {
    let runtime = runtime();
    let handle = runtime.handle();
    let asked = Arc::new(AtomicU64::new(0));
    let answered = Arc::new(AtomicU64::new(0));
    let (done, finished) = crate::sync::oneshot();
    let mut done = Some(done);
    const ROUNDS: u64 = 5_000;
    handle.on_turn(Box::new({
        let (asked, answered) = (Arc::clone(&asked), Arc::clone(&answered));
        move || {
            let now = asked.load(Ordering::Acquire);
            let before = answered.swap(now, Ordering::Release);
            if now == ROUNDS
                && let Some(done) = done.take()
            {
                done.send(()).unwrap();
            }
            now != before
        }
    }));
    let waker = handle.waker();
    let thread = std::thread::spawn(move || {
        for round in 1..=ROUNDS {
            asked.store(round, Ordering::Release);
            waker.wake();
            while answered.load(Ordering::Acquire) != round {
                std::thread::yield_now();
            }
        }
    });
    let outcome = runtime.run(async { handle.timeout(Duration::from_secs(60), finished).await });
    assert_eq!(outcome, Ok(Some(())));
    thread.join().unwrap();
}

#[test]
fn a_waker_may_travel_to_another_thread() {
    let runtime = runtime();
    let handle = runtime.handle();
    let answer = runtime.run(async {
        let task = handle.spawn_task(async {
            let mut thread = None;
            let is_done = Arc::new(AtomicU64::new(0));
            std::future::poll_fn(move |context| {
                if is_done.load(Ordering::Acquire) == 1 {
                    return std::task::Poll::Ready(());
                }
                let (waker, is_done) = (context.waker().clone(), Arc::clone(&is_done));
                thread.get_or_insert_with(|| {
                    std::thread::spawn(move || {
                        std::thread::sleep(Duration::from_millis(5));
                        is_done.store(1, Ordering::Release);
                        waker.wake();
                    })
                });
                std::task::Poll::Pending
            })
            .await;
            7
        });
        handle.timeout(Duration::from_secs(10), task).await
    });
    assert_eq!(answer, Ok(7));
}

#[test]
fn an_idle_runtime_uses_no_cpu() {
    let runtime = runtime();
    let handle = runtime.handle();
    let turns = Rc::new(Cell::new(0));
    handle.on_turn(Box::new({
        let turns = Rc::clone(&turns);
        move || {
            turns.set(turns.get() + 1);
            false
        }
    }));
    runtime.run(handle.sleep(Duration::from_millis(100)));
    assert!(turns.get() < 10, "{} turns", turns.get());
}
