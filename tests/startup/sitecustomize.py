"""Keep the programs of a test run from importing cryptography. Python runs this file when it starts.

pymongo imports cryptography before it learns that pyOpenSSL is missing. That takes 0.14 s of CPU in each of hundreds of
processes. Only the tests' tools install cryptography, so EXIFinator's users do not have it. With this module, pymongo
runs without pyOpenSSL, as it does for users.
"""

import sys

sys.modules["pymongo.pyopenssl_context"] = None  # type: ignore[assignment]
