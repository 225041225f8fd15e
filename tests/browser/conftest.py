"""The explorer as it runs, over a real MongoDB, in Debian's Chromium. A page that errs or asks elsewhere fails."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from pydantic import SecretStr

from exifinator.config import Config
from tests.browser.library import store_demo, store_hostile
from tests.integration.api_fixtures import TOKEN, run_api
from tests.servers import find_chromium, run_mongod

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
# How long a page may take to show something; a test ends as soon as it does.
PATIENCE_MS = 15_000
expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Watched:
    """What a page did that it must not do; `allowed`: patterns of console errors that the test expects."""

    problems: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def unexpected(self) -> list[str]:
        return [text for text in self.problems if not any(re.search(pattern, text) for pattern in self.allowed)]


def wait_until(page: Page, condition: str, argument: Any = None) -> None:
    """Until a function of JavaScript answers true: Playwright's own way needs eval, which the page's policy refuses."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not page.evaluate(condition, argument):
        assert time.monotonic() < deadline, f"not within {PATIENCE_MS} ms: {condition}"
        page.wait_for_timeout(25)


@dataclass
class Explorer:
    """One running explorer, and pages on it."""

    url: str
    browser: Browser
    watched: list[Watched] = field(default_factory=list)
    contexts: ExitStack = field(default_factory=ExitStack)

    def open(self, address: str = "/", *, allow: tuple[str, ...] = (), **options: Any) -> Page:
        """A new page (a browser context of its own) at this address; options: viewport, color_scheme, ...

        allow: patterns of console errors that are meant to happen, such as that of a request answered 401.
        """
        page = self.new_page(allow=allow, **options)
        page.goto(self.url + address)
        return page

    def new_page(self, *, allow: tuple[str, ...] = (), **options: Any) -> Page:
        """The same at no address yet, for what has to be set up before."""
        # Without motion a test need not wait for transitions to end.
        context = self.browser.new_context(**{"viewport": DESKTOP, "reduced_motion": "reduce", **options})
        self.contexts.callback(context.close)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        self.watch(page, allow)
        return page

    def watch(self, page: Page, allow: tuple[str, ...]) -> None:
        seen = Watched(allowed=list(allow))
        own = urlsplit(self.url).netloc

        def on_request(request: Any) -> None:
            parts = urlsplit(request.url)
            if parts.scheme not in ("data", "blob") and parts.netloc != own:
                seen.problems.append(f"asks elsewhere: {request.url[:200]}")

        def on_console(message: Any) -> None:
            if message.type in ("error", "warning"):
                seen.problems.append(f"console {message.type}: {message.text[:500]} {message.location.get('url', '')}")

        page.on("request", on_request)
        page.on("console", on_console)
        page.on("pageerror", lambda error: seen.problems.append(f"error: {error}"))
        self.watched.append(seen)

    def address(self, **state: Any) -> str:
        """The address of a state: view="table", camera=["X-T4"], ..."""
        return f"/?{urlencode(state, doseq=True)}"

    def finish(self) -> None:
        """Close the pages and tell what they did wrong."""
        self.contexts.close()
        problems = [text for seen in self.watched for text in seen.unexpected()]
        self.watched.clear()
        assert not problems, "\n".join(problems)


# All of package scope: a running Playwright is an event loop, which other packages' tests could not start another in.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def explorer_mongodb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with run_mongod(tmp_path_factory.mktemp("explorer-mongod")) as address:
        yield address


Start = Callable[[str], str]


@pytest.fixture(scope="package")
def start_explorer(explorer_mongodb: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """The address of the explorer over the demo, hostile records, nothing, or with a token; each is started once."""
    folder = tmp_path_factory.mktemp("explorer")
    addresses: dict[str, str] = {}
    base = Config(mongodb_uri=SecretStr(explorer_mongodb))
    with ExitStack() as servers:

        def start(kind: str) -> str:
            if kind not in addresses:
                database = "demo" if kind == "guarded" else kind
                config = base.model_copy(update={"mongodb_database": database, "mrq_database": f"{kind}-mrq"})
                if kind == "demo":
                    store_demo(config)
                elif kind == "hostile":
                    store_hostile(config)
                elif kind == "guarded":
                    start("demo")
                    config = config.model_copy(update={"api_host": "127.0.0.2", "api_token": SecretStr(TOKEN)})
                addresses[kind] = servers.enter_context(run_api(config, folder)).url
            return addresses[kind]

        yield start


def _explorer(kind: str, start: Start, browser: Browser) -> Iterator[Explorer]:
    explorer = Explorer(start(kind), browser)
    yield explorer
    explorer.finish()


@pytest.fixture
def explorer(start_explorer: Start, browser: Browser) -> Iterator[Explorer]:
    """The explorer over the demo library."""
    yield from _explorer("demo", start_explorer, browser)


@pytest.fixture
def hostile_explorer(start_explorer: Start, browser: Browser) -> Iterator[Explorer]:
    """The explorer over records whose texts are attacks."""
    yield from _explorer("hostile", start_explorer, browser)


@pytest.fixture
def empty_explorer(start_explorer: Start, browser: Browser) -> Iterator[Explorer]:
    """The explorer over an empty database."""
    yield from _explorer("empty", start_explorer, browser)


@pytest.fixture
def guarded_explorer(start_explorer: Start, browser: Browser) -> Iterator[Explorer]:
    """The explorer over the demo library, where reading needs TOKEN of tests/integration/api_fixtures.py."""
    yield from _explorer("guarded", start_explorer, browser)
