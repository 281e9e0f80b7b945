"""Virtual time under Python's own threads."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks.copy.simulation.machines import Machine
from benchmarks.copy.simulation.virtual_time import Deadlock, VirtualTime, patched


@pytest.fixture
def clock() -> Iterator[VirtualTime]:
    made = VirtualTime()
    with patched(made):
        yield made


def test_ten_threads_do_a_hundred_equal_waits_in_ten_rounds(clock: VirtualTime) -> None:
    def run() -> None:
        with ThreadPoolExecutor(10) as pool:
            list(pool.map(time.sleep, [1.0] * 100))

    clock.run(run)
    assert clock.now == pytest.approx(10)


def test_waiting_costs_no_real_time() -> None:
    clock = VirtualTime()
    with patched(clock):
        clock.run(lambda: time.sleep(86_400))
    assert clock.now == 86_400  # and this test has ended


def test_a_sleeping_thread_does_not_delay_other_threads(clock: VirtualTime) -> None:
    woke: list[tuple[str, float]] = []

    def nap(name: str, seconds: float) -> None:
        time.sleep(seconds)
        woke.append((name, clock.now))

    def run() -> None:
        threads = [threading.Thread(target=nap, args=each) for each in (("long", 5.0), ("short", 2.0))]
        for each in threads:
            each.start()
        for each in threads:
            each.join()

    clock.run(run)
    assert woke == [("short", 2.0), ("long", 5.0)]


def test_a_wait_ends_when_its_time_is_over_or_when_it_is_woken(clock: VirtualTime) -> None:
    def run() -> tuple[bool, float, bool, float]:
        message = threading.Event()
        before = message.wait(5), clock.now
        threading.Timer(3, message.set).start()
        return *before, message.wait(5), clock.now

    assert clock.run(run) == (False, 5.0, True, 8.0)


def test_a_queue_gives_up_in_virtual_time(clock: VirtualTime) -> None:
    def run() -> None:
        with pytest.raises(queue.Empty):
            queue.Queue[int]().get(timeout=7)

    clock.run(run)
    assert clock.now == pytest.approx(7)


def test_a_lock_goes_to_the_first_who_waits(clock: VirtualTime) -> None:
    order: list[int] = []

    def run() -> None:
        lock = threading.Lock()

        def take(number: int) -> None:
            with lock:
                time.sleep(1)
                order.append(number)

        threads = [threading.Thread(target=take, args=(number,)) for number in range(5)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()

    clock.run(run)
    assert order == [0, 1, 2, 3, 4]
    assert clock.now == 5


def test_a_deadlock_is_reported(clock: VirtualTime) -> None:
    def run() -> None:
        lock = threading.Lock()
        threading.Thread(target=lambda: lock.acquire() and lock.acquire()).start()
        threading.Event().wait()

    with pytest.raises(Deadlock):
        clock.run(run)


def test_real_time_and_threads_come_back_afterwards() -> None:
    with patched(VirtualTime()):
        pass
    began = time.monotonic()
    thread = threading.Thread(target=time.sleep, args=(0.02,))
    thread.start()
    thread.join()
    assert time.monotonic() - began >= 0.02


def test_threads_of_one_machine_share_its_core(clock: VirtualTime) -> None:
    machine = Machine(clock, cpus=0.5)

    def run() -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(machine.compute, [1.0] * 4))

    clock.run(run)
    assert clock.now == pytest.approx(8)
