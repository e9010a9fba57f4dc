"""Bars for each day, as shapes that a template can draw. What they say, the table says too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.utils.formats import date_format
from django.utils.translation import gettext

from jwt_sessions.admin.overview.amounts import grouped, rounded, say
from jwt_sessions.sessions.figures.numbers import Number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

WIDTH: Final = 900
HEIGHT: Final = 140
GAP: Final = 0.2  # of what a day has in width
# What is there is seen.
LEAST: Final = 2
# One day that is so many times as high as all others is cut off, or nothing else would be seen.
OUTLIER: Final = 5
ROOM: Final = 1.2


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar. All sizes are texts, for numbers are written otherwise in some languages."""

    look: str
    y: str
    height: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One day: `title` says what the bar shows."""

    x: str
    width: str
    segments: list[Segment]
    title: str
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """What a part means, and how many there are of it."""

    look: str
    label: str
    total: str


@dataclass(frozen=True, slots=True)
class Chart:
    """One picture: `description` tells in a sentence what is to be seen."""

    name: str
    title: str
    description: str
    total: Number
    top: str
    bars: list[Bar]
    legend: list[Entry]

    @property
    def total_in_words(self) -> str:
        """How many there were in all days."""
        return say(self.total)

    @property
    def cut(self) -> list[str]:
        """What the bars that are cut off show."""
        return [bar.title for bar in self.bars if bar.is_cut]


@dataclass(frozen=True, slots=True)
class Tone:
    """A part of the bars: its name in the numbers, what it is, and how it looks (in the CSS)."""

    name: str
    label: str
    look: str


def chart(
    name: str,
    title: str,
    days: Sequence[tuple[date, Mapping[str, Number]]],
    tones: Sequence[Tone],
) -> Chart:
    """Return a chart of how many there were of each tone on each day."""
    totals = [Number.sum(numbers.values()) for _, numbers in days]
    top = _top([total.value for total in totals])
    step = WIDTH / max(len(days), 1)
    bars = []
    for place, ((day, numbers), total) in enumerate(zip(days, totals, strict=True)):
        bars.append(
            Bar(
                x=_size((place + GAP / 2) * step),
                width=_size((1 - GAP) * step),
                segments=_segments(numbers, tones, total.value, top),
                title=f"{date_format(day, 'DATE_FORMAT')}: {say(total)}",
                is_cut=total.value > top,
            )
        )
    entries = [_entry(tone, [numbers for _, numbers in days]) for tone in tones]
    legend = entries if len(tones) > 1 else []
    total = Number.sum(totals)
    scale = grouped(rounded(top) if total.is_estimate else top)
    return Chart(name, title, _describe(days, totals), total, scale, bars, legend)


def _top(values: Sequence[int]) -> int:
    """Return what the highest bar shows: the highest day, or the second if the first is far off."""
    *_, second, first = sorted([0, 0, *values])
    return round(second * ROOM) if second and first > OUTLIER * second else first


def _segments(
    numbers: Mapping[str, Number], tones: Sequence[Tone], total: int, top: int
) -> list[Segment]:
    """Return the parts of a bar from the bottom to the top."""
    if not total:
        return []
    bar = max(min(total / top, 1.0) * HEIGHT, LEAST)
    segments, y = [], float(HEIGHT)
    for tone in tones:
        number = numbers.get(tone.name)
        if number is not None and number.value:
            height = bar * number.value / total
            y -= height
            segments.append(Segment(tone.look, _size(y), _size(height)))
    return segments


def _entry(tone: Tone, days: Sequence[Mapping[str, Number]]) -> Entry:
    numbers = [each[tone.name] for each in days if tone.name in each]
    return Entry(tone.look, tone.label, say(Number.sum(numbers)))


def _describe(days: Sequence[tuple[date, Mapping[str, Number]]], totals: Sequence[Number]) -> str:
    place = max(range(len(totals)), key=lambda each: totals[each].value)
    words = {
        "total": say(Number.sum(totals)),
        "days": len(days),
        "most": say(totals[place]),
        "day": date_format(days[place][0], "DATE_FORMAT"),
    }
    text = gettext(
        "%(total)s in %(days)s days. The most on one day: %(most)s, on %(day)s. "
        "The table below has all numbers."
    )
    return text % words


def _size(number: float) -> str:
    return f"{number:.2f}"
