"""`python -m bundle`: api/static/js and css -> api/static/built, one script and one stylesheet, small.

Sixty modules are sixty requests, each compressed alone; as one file they are half the bytes. The built files are in the
repository, so that nobody who runs EXIFinator needs Node; who changes the sources does. esbuild does it: one program
without dependencies, pinned with its hash in package-lock.json. Libraries that only some views need stay as they are.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "api" / "static"
BUILT = STATIC / "built"
TOOLS = ROOT / "var" / "bundle"
# From built/ and from js/ they lie at the same address.
APART = ("../vendor/leaflet/leaflet.js", "../vendor/topojson-client/topojson-client.min.js")


def bundle(into: Path = BUILT) -> None:
    """Write explorer.js and explorer.css into this folder. Raises: what install does; CalledProcessError."""
    options = ["--bundle", "--minify", "--format=esm", "--legal-comments=eof", "--log-level=warning"]
    entries = [f"explorer={STATIC / 'js' / 'app.js'}", f"explorer={STATIC / 'css' / 'explorer.css'}"]
    outside = [f"--external:{path}" for path in APART]
    command = [install(), *entries, *options, *outside, f"--outdir={into}"]
    subprocess.run(command, cwd=STATIC, check=True)


def install() -> Path:
    """esbuild as package-lock.json pins it, put below var/ at the first call. Raises: CalledProcessError, OSError."""
    program = TOOLS / "node_modules" / ".bin" / "esbuild"
    files = [ROOT / "bundle" / name for name in ("package.json", "package-lock.json")]
    if not (program.exists() and all((TOOLS / file.name).read_bytes() == file.read_bytes() for file in files)):
        TOOLS.mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copy(file, TOOLS)
        subprocess.run(
            ["npm", "ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"],
            cwd=TOOLS,
            check=True,
        )
    return program


if __name__ == "__main__":
    bundle()
