"""All patches that MRQ 0.9.10 needs to work with current drivers, and on hosts whose clocks differ.

MRQ calls methods of pymongo 3, redis-py 2 and gevent 1. install() adds those methods to the current classes, so that
MRQ's own code works unchanged. install() must be called after gevent's monkey.patch_all().

mrq-worker also imports the module `pipes`, which Python 3.13 removed. The package standard-pipes provides it.
"""

from __future__ import annotations

import contextlib
import functools
import json
from types import SimpleNamespace
from typing import Any

import gevent
import psutil
import pymongo.collection
import redis
import redis.lock
from pymongo import ReturnDocument, WriteConcern
from pymongo.collection import Collection
from pymongo.cursor import Cursor
from pymongo.database import Database
from pymongo.errors import CollectionInvalid

from exifinator.worker.redis_clock import patch_mrq_datetime


@functools.cache
def install() -> None:
    """Apply all patches. A second call does nothing.

    The patches concern:
    - gevent: `signal`, gevent 1's name for signal_handler
    - redis-py: LuaLock, and zadd with keyword arguments
    - pymongo: methods of pymongo 3's Collection, Database and Cursor, and the truth value of the first two
    - MRQ: ProcessPool.watch_process, MongoHandler.set_collection, QueueRaw.get_known_subqueues, Worker.flush_logs
    - MRQ: the tracing of HTTP requests with --trace_io
    - MRQ: `json` in the modules that encode reports and parameters
    - MRQ: `datetime` in the modules that store or compare times
    """
    _patch_gevent()
    _patch_redis()
    _patch_pymongo()
    _patch_mrq_processes()
    _patch_mrq_queues_and_logs()
    _patch_mrq_http_tracing()
    _patch_mrq_json()
    _patch_mrq_clock()


def _patch_gevent() -> None:
    if not callable(getattr(gevent, "signal", None)):
        gevent.signal = gevent.signal_handler


class _WaitingLock(redis.lock.Lock):
    """A replacement for redis-py 2's LuaLock.

    As with LuaLock, a `with` statement waits for the lock even if `blocking` is False. redis-py's current Lock raises
    LockError instead of waiting, which would stop the scheduler of every worker except the first.
    """

    def __enter__(self) -> _WaitingLock:
        self.acquire(blocking=True)
        return self

    def __exit__(self, *exc_info: object) -> None:
        # The lock may have expired while the scheduler was working. If it has, release() raises LockError, and MRQ
        # would stop the worker.
        with contextlib.suppress(redis.exceptions.LockError):
            self.release()


def _patch_redis() -> None:
    redis.lock.LuaLock = _WaitingLock  # type: ignore[attr-defined]
    current_zadd = redis.Redis.zadd

    def zadd(self: Any, name: Any, mapping: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Also accept the call as MRQ writes it: zadd(name, **{member: score})."""
        if mapping is None:
            mapping, kwargs = kwargs, {}
        return current_zadd(self, name, mapping, *args, **kwargs)

    redis.Redis.zadd = zadd  # type: ignore[method-assign]


# pymongo's methods, before MRQ wraps them for its hooks, --print_mongodb and --trace_io. MRQ also wraps the methods of
# pymongo 3 that are defined below. If these called wrapped methods, each operation would be counted twice.
_ORIGINALS = {
    name: getattr(Collection, name)
    for name in (
        *("insert_one", "insert_many", "replace_one", "update_one", "update_many", "delete_one", "delete_many"),
        *("find_one_and_delete", "find_one_and_update", "create_index"),
    )
}


def _call(collection: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    return _ORIGINALS[name](collection, *args, **kwargs)


def _with_concern(collection: Any, options: dict[str, Any]) -> Any:
    concern = {name: options[name] for name in ("w", "j", "wtimeout") if options.get(name) is not None}
    return collection.with_options(write_concern=WriteConcern(**concern)) if concern else collection


def _insert(
    self: Any,
    doc_or_docs: Any,
    manipulate: bool = True,
    check_keys: bool = True,  # noqa: ARG001
    continue_on_error: bool = False,
    **options: Any,
) -> Any:
    collection = _with_concern(self, options)
    if isinstance(doc_or_docs, dict):
        return _call(collection, "insert_one", doc_or_docs if manipulate else dict(doc_or_docs)).inserted_id
    docs = list(doc_or_docs) if manipulate else [dict(doc) for doc in doc_or_docs]
    return _call(collection, "insert_many", docs, ordered=not continue_on_error).inserted_ids


def _update(
    self: Any,
    spec: Any,
    document: Any,
    upsert: bool = False,
    manipulate: bool = False,  # noqa: ARG001
    multi: bool = False,
    check_keys: bool = True,  # noqa: ARG001
    **options: Any,
) -> dict[str, Any] | None:
    collection = _with_concern(self, options)
    if not next(iter(document), "").startswith("$"):
        result = _call(collection, "replace_one", spec, document, upsert=upsert)
    else:
        result = _call(collection, "update_many" if multi else "update_one", spec, document, upsert=upsert)
    if not result.acknowledged:
        return None
    return {
        "n": result.matched_count or int(result.upserted_id is not None),
        "nModified": result.modified_count,
        "ok": 1.0,
        "updatedExisting": result.matched_count > 0,
        "upserted": result.upserted_id,
    }


def _remove(self: Any, spec_or_id: Any = None, multi: bool = True, **options: Any) -> dict[str, Any] | None:
    spec = {} if spec_or_id is None else spec_or_id
    if not isinstance(spec, dict):
        spec = {"_id": spec}
    collection = _with_concern(self, options)
    result = _call(collection, "delete_many" if multi else "delete_one", spec)
    return {"n": result.deleted_count, "ok": 1.0} if result.acknowledged else None


def _find_and_modify(
    self: Any,
    query: Any = None,
    update: Any = None,
    upsert: bool = False,
    sort: Any = None,
    remove: bool = False,
    new: bool = False,
    fields: Any = None,
    projection: Any = None,
    **_: Any,
) -> Any:
    projection = projection if projection is not None else fields
    if remove:
        return _call(self, "find_one_and_delete", query or {}, projection=projection, sort=sort)
    version = ReturnDocument.AFTER if new else ReturnDocument.BEFORE
    return _call(
        self,
        "find_one_and_update",
        query or {},
        update,
        projection=projection,
        sort=sort,
        upsert=upsert,
        return_document=version,
    )


def _count_cursor(self: Any, with_limit_and_skip: bool = False) -> int:  # noqa: ARG001
    count: int = self.collection.count_documents(self._spec if hasattr(self, "_spec") else self._Cursor__spec)
    return count


def _patch_pymongo() -> None:
    methods: dict[str, Any] = {
        "insert": _insert,
        "update": _update,
        "remove": _remove,
        "find_and_modify": _find_and_modify,
        "count": lambda self, filter=None, **options: self.count_documents(filter or {}, **options),
        "ensure_index": lambda self, keys, cache_for=300, **options: _call(self, "create_index", keys, **options),  # noqa: ARG005
        "__bool__": lambda self: True,  # noqa: ARG005
    }
    for name, method in methods.items():
        setattr(Collection, name, method)
    # pymongo's classes raise an error when used as a condition, but MRQ tests `if connections.mongodb_logs`.
    Database.__bool__ = lambda self: True  # type: ignore[method-assign,assignment,return-value]  # noqa: ARG005
    Database.collection_names = lambda self, **_: self.list_collection_names()  # type: ignore[attr-defined]
    Cursor.count = _count_cursor  # type: ignore[attr-defined]
    _patch_cursor()


def _patch_cursor() -> None:
    """Let MRQ see the messages of cursors.

    With --trace_io, mrq.monkey replaces pymongo.collection.Cursor by a subclass that overrides the private method
    __send_message of pymongo 3.
    """
    send_message = Cursor._send_message

    def find(self: Any, *args: Any, **kwargs: Any) -> Any:
        return pymongo.collection.Cursor(self, *args, **kwargs)  # type: ignore[attr-defined]

    pymongo.collection.Cursor = Cursor  # type: ignore[attr-defined]
    Collection.find = find  # type: ignore[method-assign]
    Cursor._Cursor__send_message = send_message  # type: ignore[attr-defined]
    Cursor._Cursor__collection = property(lambda self: self._collection)  # type: ignore[attr-defined]
    Cursor._Cursor__spec = property(lambda self: self._spec)  # type: ignore[attr-defined]
    Cursor._send_message = lambda self, *args: self._Cursor__send_message(*args)  # type: ignore[method-assign]


class _ReapedProcess:
    """A replacement for the psutil object of a worker process that has exited and been reaped."""

    @staticmethod
    def status() -> str:
        return "dead"


def _patch_mrq_processes() -> None:
    from mrq import processes

    original_watch_process = processes.ProcessPool.watch_process

    def watch_process(self: Any, process: dict[str, Any]) -> None:
        try:
            process["psutil"].status()
        except psutil.NoSuchProcess:
            # Without this replacement, MRQ's own supervisor would exit here and orphan the other workers.
            process["psutil"] = _ReapedProcess()
        original_watch_process(self, process)

    processes.ProcessPool.watch_process = watch_process


def _patch_mrq_queues_and_logs() -> None:
    """Fix bugs in MRQ that Python 3 and current drivers expose."""
    from mrq import logger, queue_raw, worker
    from mrq.context import log

    original_set_collection = logger.MongoHandler.set_collection

    def set_collection(self: Any) -> None:
        # If two workers start on a new database at the same time, one of them gets CollectionInvalid, because the other
        # has just created the collection.
        with contextlib.suppress(CollectionInvalid):
            original_set_collection(self)

    logger.MongoHandler.set_collection = set_collection

    original_get_known_subqueues = queue_raw.QueueRaw.get_known_subqueues

    def get_known_subqueues(self: Any) -> set[str]:
        names = original_get_known_subqueues(self)
        return {name.decode() if isinstance(name, bytes) else name for name in names}

    queue_raw.QueueRaw.get_known_subqueues = get_known_subqueues

    def flush_logs(self: Any) -> None:
        # MRQ flushes only the worker's own logger (self.log), but jobs write to mrq.context.log.
        for handler in self.log.handlers + log.handlers:
            handler.flush()

    worker.Worker.flush_logs = flush_logs


def _patch_mrq_http_tracing() -> None:
    """With --trace_io, trace the requests of urllib3 too: MRQ patches classes that urllib3 2 does not have."""
    from mrq import monkey
    from mrq.context import get_current_job
    from urllib3.connectionpool import HTTPConnectionPool

    original_patch, original_urlopen = monkey.patch_io_httplib, HTTPConnectionPool.urlopen

    def urlopen(self: Any, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        job = get_current_job()
        if job is None:
            return original_urlopen(self, method, url, *args, **kwargs)
        address = f"{self.scheme}://{self.host}:{self.port}{url}"
        job.set_current_io({"type": f"http.{method.lower()}", "data": {"url": address}})
        try:
            return original_urlopen(self, method, url, *args, **kwargs)
        finally:
            job.set_current_io(None)

    def patch_io_httplib(config: dict[str, Any]) -> None:
        original_patch(config)
        HTTPConnectionPool.urlopen = urlopen  # type: ignore[method-assign]

    monkey.patch_io_httplib = patch_io_httplib


def _patch_mrq_json() -> None:
    """Encode datetimes and ObjectIds in JSON. MRQ imports ujson, which does not encode them in version 2 and later."""
    import mrq.scheduler
    import mrq.worker
    from mrq.utils import MongoJSONEncoder

    encoder = SimpleNamespace(dumps=functools.partial(json.dumps, cls=MongoJSONEncoder), loads=json.loads)
    mrq.worker.json = mrq.scheduler.json = encoder


def _patch_mrq_clock() -> None:
    import mrq.basetasks.cleaning
    import mrq.basetasks.utils
    import mrq.job
    import mrq.queue_regular
    import mrq.scheduler
    import mrq.worker

    patch_mrq_datetime(
        (mrq.basetasks.cleaning, mrq.basetasks.utils, mrq.job, mrq.queue_regular, mrq.scheduler, mrq.worker)
    )
