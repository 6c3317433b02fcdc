"""What every protocol does, side by side: `python docs/make_protocols.py` writes docs/protocols.md.

All of it is what the protocols say of themselves. The test of the README fails while the page is not what is made here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import fastseg
from fastseg.protocols.framework.protocol import Protocol, Rules

PAGE = Path(__file__).with_name("protocols.md")


def page() -> str:
    """All of it."""
    protocols = fastseg.list_protocols()
    return f"""# Challenges and tools, as they score

<!-- made by `python docs/make_protocols.py`: what is written here by hand is lost -->

A protocol scores a case as its organiser's script does: the same regions, components, matching and penalties, the same
names of the scores, and the same quirks. Each quirk can be switched off by name, and then the sane thing happens.

```python
evaluation = fastseg.evaluate_protocol("isles22", reference, prediction)
evaluation["lesion"]["lesion_wise_f1_score"]
fastseg.evaluate_protocol("flare22", reference, prediction, quirks={{"last-slice-left-out": False}})
cohort = fastseg.evaluate_cohort("references/", "predictions/", protocol="hecktor")
fastseg.protocol_scores(cohort)  # what the organiser makes of all cases
```

```sh
fastseg protocols              # all of them
fastseg protocols brats2023    # one, in words
fastseg evaluate references/ predictions/ --protocol brats2023 --output scores.csv
fastseg evaluate references/ predictions/ --protocol flare22 --without-quirk last-slice-left-out
```

Numbers of each were compared with those of its script, or of a twin written from the script's text where that cannot
be run; the tests hold twins of all. Inputs are label maps in CPU memory unless a protocol says otherwise. Images are
handed over with the axes of the script, so that ties, which are decided by the numbers of components, fall as they do
there; plain arrays are taken as they come.

## Side by side

{table(protocols)}

–: does not apply.

## What each does, and what it gets wrong

{described(protocols)}
"""


def table(protocols: tuple[Protocol, ...]) -> str:
    """A line a protocol: what they differ in."""
    names = [field.name for field in fields(Rules)]
    lines = ["| protocol | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for protocol in protocols:
        phrases = (cell(getattr(protocol.rules, name)) for name in names)
        lines.append(f"| [{protocol.name}](#{protocol.name}) | " + " | ".join(phrases) + " |")
    return "\n".join(lines)


def cell(text: str) -> str:
    """A phrase that a table can hold."""
    return text.replace("|", "\\|").replace("\n", " ")


def described(protocols: tuple[Protocol, ...]) -> str:
    """Each protocol with its scores, options and quirks; of those that have the same, the first."""
    seen: dict[tuple[object, ...], str] = {}
    text: list[str] = []
    for protocol in protocols:
        same = seen.setdefault((protocol.scores, protocol.quirks), protocol.name)
        text += parts(protocol, "" if same == protocol.name else same)
    return "\n".join(text)


def parts(protocol: Protocol, same: str) -> Iterator[str]:
    """Yield its paragraphs; `same` has its scores and quirks already."""
    yield f"### {protocol.name}\n"
    yield f"**{protocol.title}.** {protocol.about}\n"
    yield f"After {protocol.source}.\n"
    if same:
        yield f"Scores and quirks are those of [{same}](#{same}).\n"
        yield from own_options(protocol)
        return
    yield "Scores: " + ", ".join(f"`{score.name}`" for score in protocol.scores) + ".\n"
    yield from own_options(protocol)
    for quirk in protocol.quirks:
        example = f" *{quirk.example}*" if quirk.example else ""
        yield f"* `{quirk.name}`: {quirk.about}{example}"
    if protocol.quirks:
        yield ""


def own_options(protocol: Protocol) -> Iterator[str]:
    """Yield what can be overridden, with the organiser's values."""
    if protocol.options:
        own = ", ".join(f"`{name}={value!r}`" for name, value in protocol.options.items())
        yield f"Options: {own}.\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
