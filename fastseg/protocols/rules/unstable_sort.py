"""The order in which GCC's ``std::sort`` leaves what is equal: scripts in C++ may depend on it."""

from __future__ import annotations

from collections.abc import Callable, MutableSequence, Sequence

# Up to so many elements are sorted by insertion alone, which leaves equal ones in their order.
_FEW = 16

Before = Callable[[int, int], bool]


def unstable_descending(values: Sequence[int]) -> list[int]:
    """Order places by their values, the largest first, as ``std::sort`` of GCC's library does with a comparison by >.

    Introsort: quicksort with the median of three, heapsort where it goes too deep, and insertion in the end.

    Examples
    --------
    >>> unstable_descending([1, 3, 3, 2])
    [1, 2, 3, 0]
    """
    places = list(range(len(values)))

    def before(first: int, second: int) -> bool:
        return values[first] > values[second]

    if places:
        _introsort(places, 0, len(places), 2 * (len(places).bit_length() - 1), before)
        _insert_all(places, before)
    return places


def _introsort(items: list[int], first: int, last: int, depth: int, before: Before) -> None:
    while last - first > _FEW:
        if not depth:
            items[first:last] = _heapsorted(items[first:last], before)
            return
        depth -= 1
        _median_to_front(items, first, first + (last - first) // 2, last - 1, before)
        cut = _partition(items, first + 1, last, first, before)
        _introsort(items, cut, last, depth, before)
        last = cut


def _median_to_front(items: list[int], front: int, middle: int, end: int, before: Before) -> None:
    """Exchange the first item with the median of the second, the middle and the last one."""
    a, b, c = items[front + 1], items[middle], items[end]
    if before(a, b):
        chosen = middle if before(b, c) else end if before(a, c) else front + 1
    else:
        chosen = front + 1 if before(a, c) else end if before(b, c) else middle
    items[front], items[chosen] = items[chosen], items[front]


def _partition(items: list[int], first: int, last: int, pivot: int, before: Before) -> int:
    while True:
        while before(items[first], items[pivot]):
            first += 1
        last -= 1
        while before(items[pivot], items[last]):
            last -= 1
        if first >= last:
            return first
        items[first], items[last] = items[last], items[first]
        first += 1


def _insert_all(items: MutableSequence[int], before: Before) -> None:
    """Insert each item behind those that do not come after it."""
    for i in range(1, len(items)):
        item, place = items[i], i
        if i < _FEW and before(item, items[0]):
            place = 0
        else:
            while before(item, items[place - 1]):
                place -= 1
        items[place + 1 : i + 1] = items[place:i]
        items[place] = item


def _heapsorted(items: list[int], before: Before) -> list[int]:
    size = len(items)
    for parent in range((size - 2) // 2, -1, -1):
        _sink(items, parent, size, items[parent], before)
    for end in range(size - 1, 0, -1):
        item, items[end] = items[end], items[0]
        _sink(items, 0, end, item, before)
    return items


def _sink(items: list[int], hole: int, size: int, item: int, before: Before) -> None:
    """Move a hole down to a leaf along the later children, and the item up from there to its place."""
    top, child = hole, hole
    while child < (size - 1) // 2:
        child = 2 * (child + 1)
        if before(items[child], items[child - 1]):
            child -= 1
        items[hole], hole = items[child], child
    if size % 2 == 0 and child == (size - 2) // 2:
        child = 2 * child + 1
        items[hole], hole = items[child], child
    while hole > top and before(items[(hole - 1) // 2], item):
        parent = (hole - 1) // 2
        items[hole], hole = items[parent], parent
    items[hole] = item
