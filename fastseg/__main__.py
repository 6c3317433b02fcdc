"""The command ``fastseg``, and ``python -m fastseg``."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; its libraries are optional, so say what to install if they are missing."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments[:1] == ["run"]:  # needs none of them, and leaves warnings and errors to the script
        from fastseg.cli import run_patched

        return run_patched.main(arguments[1:])
    try:
        import rich  # noqa: F401 - for the tables, later

        from fastseg.cli.app import run
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("typer", "rich", "click"):
            raise
        print(
            f"fastseg: error: the command line needs {error.name}: "
            'pip install "fastseg-metrics[cli]"',
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:  # before anything of ours listens
        print("fastseg: stopped: interrupted", file=sys.stderr)
        return 130
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
