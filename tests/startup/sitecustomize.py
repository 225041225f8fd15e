"""Save CPU time in each of the hundreds of programs of a test run. Python runs this file when a program starts.

pymongo imports cryptography before it learns that pyOpenSSL is missing. That takes 0.14 s of CPU. Only the tests' tools
install cryptography, so EXIFinator's users do not have it. With this module, pymongo runs without pyOpenSSL, as it does
for users.
"""

import sys
from typing import Any

sys.modules["pymongo.pyopenssl_context"] = None  # type: ignore[assignment]


class _EventsFinder:
    """Find gevent.events, and replace its search for plugins.

    gevent reads the metadata of all installed packages 25 times when it patches Python's library, to find plugins for
    this. The tests' tools have no such plugin. EXIFinator's programs skip the search, but MRQ's scripts do not.
    """

    @classmethod
    def find_spec(cls, name: str, path: object = None, target: object = None) -> Any:
        if name != "gevent.events":
            return None
        sys.meta_path.remove(cls)
        spec = next(filter(None, (finder.find_spec(name, path, target) for finder in sys.meta_path)))
        execute = spec.loader.exec_module

        def execute_without_search(module: Any) -> None:
            execute(module)
            module.notify_and_call_entry_points = module.notify

        spec.loader.exec_module = execute_without_search
        return spec


sys.meta_path.insert(0, _EventsFinder)
