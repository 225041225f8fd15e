"""`python -m bundle`: compile api/static/{js,css} into api/static/built with esbuild.

The built files are in the repository, so that only those who change the sources need Node. Their names carry a hash of
their content, so that browsers keep them for good; index.html names them. Libraries that one view needs (the map's) are
files of their own, which the browser fetches when that view opens.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "api" / "static"
BUILT = STATIC / "built"
TOOLS = ROOT / "var" / "bundle"
MODULES = TOOLS / "node_modules"

# Files that index.html names, by the name of what is built from each.
ENTRIES = {"explorer": ["js/app.jsx", "css/explorer.css"], "theme": ["js/theme.js"], "icon": ["icon.svg"]}
OPTIONS = [
    "--bundle",
    "--minify",
    "--format=esm",
    "--splitting",
    "--target=es2023,chrome120,firefox121,safari17.4",
    "--jsx=automatic",
    "--jsx-import-source=preact",
    "--entry-names=[name]-[hash]",
    "--chunk-names=[name]-[hash]",
    "--asset-names=[name]-[hash]",
    "--loader:.json=file",
    "--loader:.svg=copy",
    "--loader:.png=empty",  # Leaflet's stylesheet has pictures for controls that the map does not use
    "--legal-comments=none",  # licences.txt has them whole
    "--log-level=warning",
]


def bundle(into: Path = BUILT) -> None:
    """Write the explorer's files into this folder, and remove files of earlier builds from it.

    Raises: OSError, CalledProcessError.
    """
    install()
    with tempfile.TemporaryDirectory(dir=TOOLS) as scratch:
        made = Path(scratch, "made")
        outputs = _compile(made, Path(scratch, "metafile.json"))
        page = (STATIC / "index.html").read_text()
        for name, output in outputs.items():
            if source := output.get("entryPoint"):
                page = page.replace(f'"{source}"', f'"/static/{Path(name).name}"')
        (made / "index.html").write_text(page)
        (made / "licences.txt").write_text(_licences(outputs))
        into.mkdir(parents=True, exist_ok=True)
        for old in into.iterdir():
            old.unlink()
        for file in made.iterdir():
            shutil.copyfile(file, into / file.name)


def _compile(into: Path, metafile: Path) -> dict[str, Any]:
    """Run esbuild; return what it says of each file that it wrote."""
    entries = [f"{name}={source}" for name, sources in ENTRIES.items() for source in sources]
    command = [MODULES / ".bin" / "esbuild", *entries, *OPTIONS, f"--outdir={into}", f"--metafile={metafile}"]
    subprocess.run(command, cwd=STATIC, env={**os.environ, "NODE_PATH": str(MODULES)}, check=True)
    outputs: dict[str, Any] = json.loads(metafile.read_bytes())["outputs"]
    return outputs


def _licences(outputs: dict[str, Any]) -> str:
    """Return the licences of the packages that are in the built files."""
    inputs = (name for output in outputs.values() for name in output["inputs"])
    packages = sorted({found[1] for name in inputs if (found := re.search(r"node_modules/((?:@[^/]+/)?[^/]+)/", name))})
    parts = []
    for package in packages:
        version = json.loads((MODULES / package / "package.json").read_bytes())["version"]
        (licence,) = (MODULES / package).glob("LICENSE*")
        parts.append(f"{package} {version}\n\n{licence.read_text().strip()}\n")
    return "\n----\n\n".join(parts)


def install() -> None:
    """Install the tools and libraries that package-lock.json pins below var/, unless they are there.

    Raises: OSError, CalledProcessError.
    """
    files = [ROOT / "bundle" / name for name in ("package.json", "package-lock.json")]
    stamp = TOOLS / "installed"
    wanted = b"".join(file.read_bytes() for file in files)
    if stamp.exists() and stamp.read_bytes() == wanted:
        return
    TOOLS.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    for file in files:
        shutil.copy(file, TOOLS)
    command = ["npm", "ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    subprocess.run(command, cwd=TOOLS, check=True)
    stamp.write_bytes(wanted)


if __name__ == "__main__":
    bundle()
