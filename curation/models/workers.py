"""Many slow answers at a time, by threads that mostly wait."""

import threading
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import TypeVar

T = TypeVar("T")


def several_at_a_time(
    answer: Callable[[int], T], wanted: Sequence[int], workers: int
) -> Iterator[dict[int, T]]:
    """Answer for each index, by threads, and give the answers as they come.

    After a failure no more are begun; it is raised when those under way have ended and their answers were given.
    """
    todo: SimpleQueue[int] = SimpleQueue()
    told: SimpleQueue[tuple[int, T] | Exception | None] = SimpleQueue()
    stopped = threading.Event()
    for index in wanted:
        todo.put(index)

    def work() -> None:
        while not stopped.is_set():
            try:
                index = todo.get_nowait()
            except Empty:
                break
            try:
                told.put((index, answer(index)))
            except Exception as error:
                told.put(error)
        told.put(None)

    working = min(workers, len(wanted))
    # Daemons: Ctrl-C does not wait for the long answers that are under way.
    for _ in range(working):
        threading.Thread(target=work, daemon=True).start()
    failure: Exception | None = None
    try:
        while working:
            some = [told.get()]
            while not told.empty():
                some.append(told.get())
            working -= some.count(None)
            for one in some:
                if isinstance(one, Exception):
                    stopped.set()
                    failure = failure or one
            if said := dict(one for one in some if isinstance(one, tuple)):
                yield said
    finally:
        stopped.set()
    if failure:
        raise failure
